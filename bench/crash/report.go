package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perennial-ml/perennial/bench/crash/traffic"
	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
)

// maxWords bounds the violations of one sort that are told in words.
const maxWords = 5

// A report is what a run found.
type report struct {
	opt        options
	violations []string
	stats      traffic.Stats

	kinds      map[kind]int
	families   map[string]int // lives by family of kernels
	damages    map[string]int
	fell       int
	gaveUp     int
	recoveries []time.Duration
	stops      []time.Duration
	points     []string
	reached    map[string]int
	missed     map[string]int

	tails     map[string]uint64
	finals    []string
	equal     int
	records   int
	lost      int
	doubled   int // learned more often than the log says
	tooFew    int
	repeats   int
	forgotten int
	compared  int
	differing int
	counts    map[string][]count
	took      time.Duration
}

func newReport(o options) *report {
	return &report{
		opt: o, kinds: map[kind]int{}, families: map[string]int{}, damages: map[string]int{},
		tails: map[string]uint64{}, counts: map[string][]count{},
	}
}

func (r *report) violate(format string, args ...any) {
	r.violations = append(r.violations, fmt.Sprintf(format, args...))
}

// violateEach tells of a sort of violation, the first ones in words.
func (r *report) violateEach(model, what string, list []string) {
	if len(list) == 0 {
		return
	}
	r.violate("model %s: %d %s: %v", model, len(list), what, list[:min(len(list), maxWords)])
}

// final holds the state of the running lineage, in whose lives the families of kernels
// took turns, against that of an uninterrupted run by each family.
func (r *report) final(model string, running stateHash, whole map[string]stateHash) {
	for _, family := range sorted(whole) {
		if w := whole[family]; running.Position != w.Position || running.Hash != w.Hash {
			r.violate("model %s: the final state differs: %+v from the newest version, %+v from the start by %s", model, running, w, family)
			return
		}
	}
	r.equal++
	r.finals = append(r.finals, fmt.Sprintf("%s  model %s, position %d, from the start by %s",
		running.Hash, model, running.Position, strings.Join(sorted(whole), " and by ")))
}

// judge takes a finding in.
func (r *report) judge(f *finding) {
	r.records += f.records
	r.lost += len(f.lost)
	r.repeats += f.repeats
	r.forgotten += f.forgotten
	r.compared += f.compared
	r.differing += len(f.differing)
	r.counts[f.model] = f.counts
	r.violateEach(f.model, "acknowledged events are not in the log", f.lost)
	r.violateEach(f.model, "events are not where they were acknowledged", f.moved)
	r.violateEach(f.model, "records must not be in the log", f.banned)
	r.violateEach(f.model, "ids are in the log twice within the broker's window", f.repeated)
	r.violateEach(f.model, "versions hold another state than the log gives", f.differing)
	r.violateEach(f.model, "versions cannot be read", f.unread)
	r.violateEach(f.model, "refused records lack their dead letter", f.letters)
	if f.twice != 0 {
		r.violate("model %s: the oracle counts %d examples twice: it is wrong", f.model, f.twice)
	}
	var differ []string
	for _, c := range f.counts {
		if c.engine == c.oracle {
			continue
		}
		differ = append(differ, fmt.Sprintf("%s: engine %d, oracle %d", c.name, c.engine, c.oracle))
		if c.name == nameLearned && c.engine > c.oracle {
			r.doubled += int(c.engine - c.oracle)
		} else if c.name == nameLearned {
			r.tooFew += int(c.oracle - c.engine)
		}
	}
	r.violateEach(f.model, "counts differ from what the log gives", differ)
}

// gather takes in what the cycles left behind.
func (r *report) gather(book *traffic.Book, p *planner, s *sightings) {
	r.stats = book.Stats()
	r.points, r.reached, r.missed = p.points, p.reached, p.missed
	r.fell = s.fell
	if n, words := book.Faults(); n > 0 {
		r.violateEach("all", fmt.Sprintf("of %d wrong answers", n), words)
	}
	if never := p.never(); len(never) > 0 && r.opt.cycles >= coverAll {
		r.violate("failpoints never reached in %d cycles: %v", r.opt.cycles, never)
	}
}

// coverAll is how many cycles must reach every failpoint.
const coverAll = 200

// write prints the report.
func (r *report) write(w io.Writer) {
	fmt.Fprintf(w, "crash: %d cycles, seed %d, %s\n\n", r.opt.cycles, r.opt.seed, ui.Duration(r.took))
	n := func(v int) string { return ui.Count(int64(v)) }

	t := ui.NewTable("cycle", "times")
	for _, k := range kinds() {
		t.Row(string(k), n(r.kinds[k]))
	}
	for _, what := range sorted(r.damages) {
		t.Row("then: "+what, n(r.damages[what]))
	}
	for _, family := range sorted(r.families) {
		t.Row("lives by "+family, n(r.families[family]))
	}
	t.Row("restores that fell back past damage", n(r.fell))
	t.Row("stopped by an injected error", n(r.gaveUp))
	_, _ = t.WriteTo(w)

	fmt.Fprintln(w)
	t = ui.NewTable("failpoint", "killed", "not reached in time")
	for _, name := range r.points {
		t.Row(name, n(r.reached[name]), n(r.missed[name]))
	}
	_, _ = t.WriteTo(w)

	fmt.Fprintln(w)
	t = ui.NewTable("figure", "value")
	s := r.stats
	for _, row := range []struct {
		name  string
		value int
	}{
		{"events accepted", s.Accepted}, {"acknowledged again as duplicates", s.Known},
		{"duplicates sent on purpose", s.Duplicates}, {"requests sent again", s.Retries},
		{"events refused", s.Refused}, {"events withheld for want of consent", s.Withheld},
		{"invalid records put into the log", s.Careless}, {"controls", s.Controls}, {"of these rollbacks", s.Rollbacks},
		{"answers of status 500", s.Errors500},
		{"records in the logs", r.records}, {"of these repeated ids", r.repeats},
		{"of these within the broker's window, after an erasure", r.forgotten},
	} {
		t.Row(row.name, n(row.value))
	}
	t.Row("starts", n(len(r.recoveries)))
	t.Row("start until ready, p50", ui.Duration(quantile(r.recoveries, 0.5)))
	t.Row("start until ready, p99", ui.Duration(quantile(r.recoveries, 0.99)))
	t.Row("clean stop, longest", ui.Duration(quantile(r.stops, 1)))
	for _, m := range sorted(r.tails) {
		t.Row("tail after the last kill, "+m, strconv.FormatUint(r.tails[m], 10))
	}
	_, _ = t.WriteTo(w)
	r.verdict(w)
}

func (r *report) verdict(w io.Writer) {
	fmt.Fprintln(w)
	for _, f := range r.finals {
		fmt.Fprintln(w, f)
	}
	for _, m := range sorted(r.counts) {
		for _, c := range r.counts[m] {
			if c.name == nameLearned {
				fmt.Fprintf(w, "model %s: %s %d, the log gives %d\n", m, c.name, c.engine, c.oracle)
			}
		}
	}
	final := "equal"
	if r.equal == 0 || r.equal < len(r.counts) {
		final = "DIFFERENT"
	}
	fmt.Fprintf(w, "\nevents lost              %d\nlearned twice            %d\nnot learned              %d\n"+
		"versions compared        %d\nversions that differ     %d\nfinal state:             %s\nviolations               %d\n",
		r.lost, r.doubled, r.tooFew, r.compared, r.differing, final, len(r.violations))
	for _, v := range r.violations {
		fmt.Fprintln(w, "\nVIOLATION:", v)
	}
}

func sorted[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// quantile returns the smallest duration that a share q of them does not pass; 0 of
// none.
func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	i := int(q*float64(len(list))+0.999999) - 1
	return list[min(max(i, 0), len(list)-1)]
}

// A ticker prints a line now and then where no progress bar is shown.
type ticker struct {
	w    io.Writer
	last time.Time
}

func newTicker(w io.Writer) *ticker {
	if ui.IsTerminal(w) {
		w = io.Discard
	}
	return &ticker{w: w, last: time.Now()}
}

// sayEvery is the pause between two lines.
const sayEvery = 10 * time.Second

func (t *ticker) say(format string, args ...any) {
	if time.Since(t.last) < sayEvery {
		return
	}
	t.last = time.Now()
	fmt.Fprintf(t.w, format+"\n", args...)
}
