package demo

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
	"github.com/perennial-ml/perennial/cmd/learner/config"
)

// aim is the accuracy over the whole stream that the learner has to reach.
const aim = 0.79

// summary holds what the end of the demo tells.
type summary struct {
	frozenAt             int
	recovered, whole     stateHash
	restart, stop, took  time.Duration
	poisonFrom, poisonTo int
	before, during       float64
	after                float64
	counters             map[string]uint64
}

// configuration reads the demo's own configuration back.
func configuration(folder string) (*config.Config, config.Model, error) {
	cfg, err := config.Load(filepath.Join(folder, "learner.yaml"))
	if err != nil {
		return nil, config.Model{}, err
	}
	return cfg, cfg.Models[0], nil
}

func (s *show) summarise() error {
	w, n := s.opt.Out, len(s.stream)
	fmt.Fprintf(w, "\nPrequential accuracy by fortnight: predicted before the outcome was known, outcomes %d to %d half-hours late\n\n", day, day+step-1)
	plot := ui.Plot{Width: 68, Height: 12, ASCII: s.opt.ASCII, Low: 0.4, High: 1}
	err := plot.Draw(w,
		ui.Series{Name: s.learner.name, Values: s.learner.curve()},
		ui.Series{Name: s.frozen.name, Values: s.frozen.curve()},
		ui.Series{Name: s.yesterday.name, Values: s.yesterday.curve()})
	if err != nil {
		return err
	}

	fmt.Fprintf(w, "\nAccuracy over all %d half-hours (95%% interval, as if they were independent)\n", n)
	t := ui.NewTable("who", "accuracy", "±", "without the poisoned weeks")
	for _, who := range []*tally{&s.learner, &s.frozen, &s.yesterday} {
		a := who.all()
		t.Row(who.name, fmt.Sprintf("%.4f", a), fmt.Sprintf("%.4f", margin(a, n)), fmt.Sprintf("%.4f", s.clean(who)))
	}
	if _, err := t.WriteTo(w); err != nil {
		return err
	}
	verdict := "reached"
	if s.learner.all() < aim {
		verdict = "MISSED: see docs/performance.md for what the accuracy hangs on"
	}
	fmt.Fprintf(w, "The aim is %.2f over the whole stream, poisoned weeks and all: %s.\n\n", aim, verdict)

	slices.Sort(s.freshness)
	c := s.sum.counters
	fmt.Fprintf(w, "learned        %d outcomes in %d steps, %d rehearsed beside them; %d versions answered\n",
		c["learner_learned"], c["learner_steps"], c["learner_rehearsed"], s.versions)
	fmt.Fprintf(w, "freshness      feedback sent to weights that contain it: p50 %s, p99 %s (%d samples)\n",
		round(percentile(s.freshness, 0.5)), round(percentile(s.freshness, 0.99)), len(s.freshness))
	fmt.Fprintf(w, "kill -9        state %s from version %d and from the empty log alike; back in %s\n",
		short(s.sum.recovered.Hash), s.sum.recovered.From, round(s.sum.restart))
	fmt.Fprintf(w, "poison         %.3f before, %.3f in its last week, %.3f in the fortnight after the rollback\n",
		s.sum.before, s.sum.during, s.sum.after)
	s.retention()
	fmt.Fprintf(w, "time           %s\n\n", round(s.sum.took))

	conf := filepath.Join(s.opt.Folder, "learner.yaml")
	fmt.Fprintf(w, "Look further; the log and every version are in %s:\n", s.opt.Folder)
	for _, cmd := range []string{
		"checkpoint list", "checkpoint show stable", "ledger stat", "ledger scan --limit 3", "state hash --from-start",
	} {
		fmt.Fprintf(w, "  %s %s --config %s\n", s.opt.Program, cmd, conf)
	}
	fmt.Fprintf(w, "  %s up --config %s        # and open %s\n", s.opt.Program, conf, s.client.base)
	return nil
}

// clean is an accuracy over all half-hours but the poisoned ones.
func (s *show) clean(t *tally) float64 {
	a, b, n := s.sum.poisonFrom, s.sum.poisonTo, len(t.hits)
	return (t.over(0, a)*float64(a) + t.over(b, n)*float64(n-b)) / float64(a+n-b)
}

// retention tells how the learner does on half-hours that it never learned.
func (s *show) retention() {
	k := s.kept
	if k == nil || k.Retention == nil || k.Minimum == nil {
		return
	}
	atEnd, now, past := 0.0, 0.0, 0.0
	for _, p := range k.Phases {
		if p.Ended > 0 {
			atEnd, now, past = atEnd+p.AtEnd, now+p.Current, past+1
		}
	}
	fmt.Fprintf(s.opt.Out, "retention      %.3f: on half-hours of %.0f past seasons that were never learned, %.3f when each ended, %.3f now, %.3f at worst\n",
		*k.Retention, past, atEnd/past, now/past, *k.Minimum)
	if k.Forward != nil && k.Anytime != nil && k.WorstCase != nil {
		fmt.Fprintf(s.opt.Out, "transfer       %+.3f forward, a season before it is learned beside the first weights; %.3f at any time, %.3f in the worst case\n",
			*k.Forward, *k.Anytime, *k.WorstCase)
	}
}
