package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// A report is what a run found.
type report struct {
	Command string   `json:"command"`
	CPU     string   `json:"cpu"`
	Cores   int      `json:"cores"`
	Go      string   `json:"go"`
	Torch   string   `json:"torch,omitempty"`
	Skipped string   `json:"skipped,omitempty"` // why there is no PyTorch
	Load    []string `json:"load"`              // load average before and after
	Limits  limits   `json:"limits"`
	Rows    []*row   `json:"rows"`
	Growth  []*sweep `json:"growth,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

func newReport(args []string) *report {
	return &report{
		Command: strings.TrimSpace("go run ./bench/peers " + strings.Join(args, " ")),
		CPU:     processor(), Cores: runtime.NumCPU(), Go: runtime.Version(),
	}
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// write prints the report as a document with tables in Markdown.
func (r *report) write(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%s, %d cores, %s, %s kernels; load average %s\n", r.Command, r.CPU, r.Cores, r.Go, r.Limits.Kernels, strings.Join(r.Load, " before, "))
	if r.Skipped != "" {
		fmt.Fprintf(w, "PyTorch: skipped: %s\n", r.Skipped)
	} else {
		fmt.Fprintf(w, "PyTorch %s\n", r.Torch)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "Note: %s\n", n)
	}
	fmt.Fprintln(w)
	r.Limits.write(w)
	var groups []string
	for _, row := range r.Rows {
		if !slices.Contains(groups, row.Group) {
			groups = append(groups, row.Group)
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for _, g := range groups {
		fmt.Fprintf(t, "\n| %s\t| ours/s (p10 to p90; fastest)\t| in a CPU second\t| rival\t| rival/s (p10 to p90; fastest)\t| ratio (p10 to p90)\t| by CPU\t| best\t| aim\t|\t| limit/s\t| by\t| share (of the fastest)\t| allocs\t|\n", g)
		fmt.Fprintf(t, "|%s\n", strings.Repeat("---\t|", 14))
		for _, row := range r.Rows {
			if row.Group == g {
				row.write(t)
			}
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, s := range r.Growth {
		fmt.Fprintf(t, "\n| %s\t| ours, µs, fastest (median)\t| PyTorch, µs\t| limit, µs\t|\n|---\t|---\t|---\t|---\t|\n", s.axis)
		for _, p := range s.Points {
			fmt.Fprintf(t, "| %d\t| %s\t| %s\t| %s\t|\n", p.Size, p.Ours, p.Rival, short(1e6*p.Limit))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	missed := r.missed()
	if len(missed) > 0 {
		fmt.Fprintf(w, "\nMissed:\n\n")
	}
	for _, m := range missed {
		fmt.Fprintf(w, "- %s\n", m)
	}
	return nil
}

// missed lists the aims that were not reached.
func (r *report) missed() (out []string) {
	for _, row := range r.Rows {
		if met, ok := row.met(); ok && !met {
			out = append(out, fmt.Sprintf("%s: %s, aim %s", row.title(), row.reached(), row.aims()))
		}
		if row.Allocs > 0 && !row.MayAlloc {
			out = append(out, fmt.Sprintf("%s: %v allocations a step, aim 0", row.title(), row.Allocs))
		}
	}
	return out
}

func (r *row) title() string { return titled(r.Name, r.Threads) }

func (w *workload) title() string { return titled(w.name, w.threads) }

// titled is what the name of a row with more than one thread is in a table, and for -only.
func titled(name string, threads int) string {
	if threads > 1 {
		return fmt.Sprintf("%s, %d threads", name, threads)
	}
	return name
}

func (r *row) reached() string {
	if r.RateAim > 0 {
		return short(r.Ours.Median) + " " + r.Unit + "/s"
	}
	return ratio(r.Ratio.Median)
}

func (r *row) aims() string {
	var out []string
	if r.Aim > 0 {
		out = append(out, ratio(r.Aim))
	}
	if r.RateAim > 0 {
		out = append(out, short(r.RateAim)+" "+r.Unit+"/s")
	}
	return strings.Join(out, ", ")
}

func (r *row) write(w io.Writer) {
	verdict := ""
	if met, ok := r.met(); ok && met {
		verdict = "met"
	} else if ok {
		verdict = "MISSED"
	}
	theirs, times, byCPU, best := "", "", "", ""
	if r.RivalName != "" {
		best = ratio(r.OursBest / r.RivalBest)
		theirs, times = rates(r.Rival, r.RivalBest), r.Ratio.text(ratio)
		if r.CPURatio > 0 {
			byCPU = ratio(r.CPURatio)
		}
	}
	bound, share := "", ""
	if r.Limit.Rate > 0 {
		bound, share = short(r.Limit.Rate), fmt.Sprintf("%.0f%% (%.0f%%)", 100*r.Share, 100*r.OursBest/r.Limit.Rate)
	}
	fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %v\t|\n",
		r.title(), rates(r.Ours, r.OursBest), short(r.CPURate), r.RivalName, theirs, times, byCPU, best,
		r.aims(), verdict, bound, r.Limit.By, share, r.Allocs)
}

func rates(s stat, fastest float64) string {
	return fmt.Sprintf("%s (%s to %s; %s)", short(s.Median), short(s.Low), short(s.High), short(fastest))
}

func (s stat) text(as func(float64) string) string {
	return fmt.Sprintf("%s (%s to %s)", as(s.Median), as(s.Low), as(s.High))
}

// ratio writes a factor with three digits, or two after the point below 10.
func ratio(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f×", v)
	case v >= 10:
		return fmt.Sprintf("%.1f×", v)
	}
	return fmt.Sprintf("%.2f×", v)
}

// short writes a figure with three digits or more, grouped in thousands.
func short(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.3g", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

func (l *limits) write(w io.Writer) {
	fmt.Fprintf(w, "One core at best: %.1f GFLOP/s of multiply-adds on registers\n\n", l.Peak/1e9)
	fmt.Fprintf(w, "| memory | streams, GB/s | random lines, read and written, million/s | one after the other, ns |\n|---|---|---|---|\n")
	for _, s := range l.Streams {
		lines, latency := "", ""
		for i, r := range l.Lines {
			if r.Footprint == s.Footprint {
				lines, latency = fmt.Sprintf("%.0f", r.Value/1e6), fmt.Sprintf("%.1f", l.Latency[i].Value*1e9)
			}
		}
		fmt.Fprintf(w, "| %s | %.1f | %s | %s |\n", size(s.Footprint), s.Value/1e9, lines, latency)
	}
}

func size(bytes float64) string {
	if bytes < mib {
		return fmt.Sprintf("%.0f KiB", bytes/kib)
	}
	return fmt.Sprintf("%.0f MiB", bytes/mib)
}
