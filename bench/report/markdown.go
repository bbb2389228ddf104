package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/perennial-ml/perennial/bench/measure"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/result"
	"github.com/perennial-ml/perennial/bench/scenario"
)

// Markdown writes the suite's page. plots are the names of its SVG files.
func Markdown(w io.Writer, s protocol.Suite, runs []result.Run, plots []string) error {
	list, stale := rows(s, runs)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", s.Title)
	fmt.Fprintf(&b, "<!-- Written by: learner bench report %s -->\n\n", s.Name)
	fmt.Fprintf(&b, "Published figures: %s. Protocol: [%s.yaml](../../bench/suites/%s.yaml). In per cent; ± is the standard deviation over the seeds.\n",
		s.Source, s.Name, s.Name)
	if s.Note != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(s.Note))
	}
	b.WriteString("\n")
	table(&b, s, list)
	notes(&b, list)
	if stale > 0 {
		fmt.Fprintf(&b, "\nLeft out: %d run(s) of another protocol or method.\n", stale)
	}
	for _, p := range plots {
		fmt.Fprintf(&b, "\n![%s](%s)\n", p, p)
	}
	origins(&b, list)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the table of %s: %w", s.Name, err)
	}
	return nil
}

// A column is a figure that the table shows beside the compared one.
type column struct{ head, figure string }

func columns(s protocol.Suite) []column {
	if s.Scenario.Kind == scenario.Stream {
		return []column{{"retention", result.Retention}}
	}
	return []column{
		{"forgetting", result.Forgetting}, {"backward", result.BackwardTransfer}, {"forward", result.ForwardTransfer},
		{"anytime", result.AnytimeAccuracy}, {"worst case", result.WorstCaseAccuracy}, {"prequential", result.Prequential},
	}
}

func table(b *strings.Builder, s protocol.Suite, list []row) {
	cols := columns(s)
	fmt.Fprintf(b, "| method | %s | seeds | published | verdict |", s.Figure)
	for _, c := range cols {
		fmt.Fprintf(b, " %s |", c.head)
	}
	b.WriteString(" memory | seconds |\n|---|--:|--:|--:|---|" + strings.Repeat("--:|", len(cols)+2) + "\n")
	for _, r := range list {
		name := r.title()
		if r.method.Default {
			name = "**" + name + "**"
		}
		figure := percent(r.sample(s.Figure))
		published, verdict := "–", "–"
		if p := r.method.Published; p != nil {
			published, verdict = fmt.Sprintf("%.2f", *p), figure.Verdict(*p)
			if verdict == "missed" {
				verdict = fmt.Sprintf("missed by %.2f", *p-figure.Mean())
			}
		}
		fmt.Fprintf(b, "| %s | %s | %d | %s | %s |", name, spread(figure), len(r.runs), published, verdict)
		for _, c := range cols {
			fmt.Fprintf(b, " %s |", number(percent(r.sample(c.figure)).Mean()))
		}
		fmt.Fprintf(b, " %s | %s |\n", size(r.bytes().Mean()), number(r.seconds().Mean()))
	}
}

// notes lists what the methods have to say, and what their runs left out.
func notes(b *strings.Builder, list []row) {
	begun := false
	for _, r := range list {
		var say []string
		if r.method.Note != "" {
			say = append(say, strings.TrimSpace(r.method.Note))
		}
		dropped := uint64(0)
		for _, run := range r.runs {
			dropped += run.Outcome.Dropped
		}
		if dropped > 0 {
			say = append(say, fmt.Sprintf("%d steps or examples were left out because they gave no finite number.", dropped))
		}
		if len(say) > 0 {
			if !begun {
				b.WriteString("\n")
			}
			begun = true
			fmt.Fprintf(b, "- %s: %s\n", r.title(), strings.Join(say, " "))
		}
	}
}

// origins says where the runs come from.
func origins(b *strings.Builder, list []row) {
	var lines []string
	seeds := map[string][]string{}
	for _, r := range list {
		for _, run := range r.runs {
			line := fmt.Sprintf("`%s` at commit %s on %s", run.Command, run.Commit, run.Machine)
			if seeds[line] == nil {
				lines = append(lines, line)
			}
			seeds[line] = append(seeds[line], fmt.Sprintf("%s %d", run.Method, run.Seed))
		}
	}
	slices.Sort(lines)
	b.WriteString("\n## Where the figures come from\n\nMethod and seed of each run:\n\n")
	for _, line := range lines {
		fmt.Fprintf(b, "- %s: %s\n", line, strings.Join(seeds[line], ", "))
	}
}

func spread(s measure.Sample) string {
	m, d := s.Mean(), s.Deviation()
	switch {
	case math.IsNaN(m):
		return "not measured"
	case math.IsNaN(d):
		return fmt.Sprintf("%.2f", m)
	}
	return fmt.Sprintf("%.2f ± %.2f", m, d)
}

func number(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.1f", v)
}

func size(v float64) string {
	switch {
	case math.IsNaN(v) || v == 0:
		return "–"
	case v < 1<<20:
		return fmt.Sprintf("%.0f KiB", v/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", v/(1<<20))
}
