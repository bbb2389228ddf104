package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/perennial-ml/perennial/compute"
)

// settings say how long and how often.
type settings struct {
	slice     time.Duration
	rounds    int
	instances int
}

// A row is what was measured of a workload.
type row struct {
	Group     string  `json:"group"`
	Name      string  `json:"name"`
	Threads   int     `json:"threads"`
	Unit      string  `json:"unit"`
	Ours      stat    `json:"ours"`
	RivalName string  `json:"rival,omitempty"`
	Rival     stat    `json:"rival_rate"`
	Ratio     stat    `json:"ratio"`
	CPURatio  float64 `json:"ratio_processor"` // by processor time
	OursBest  float64 `json:"ours_best"`       // the fastest slice
	RivalBest float64 `json:"rival_best"`
	CPURate   float64 `json:"ours_processor"` // ours in a second of processor time
	Aim       float64 `json:"aim,omitempty"`
	RateAim   float64 `json:"rate_aim,omitempty"`
	Limit     limit   `json:"limit"`
	Share     float64 `json:"share"`
	Allocs    float64 `json:"allocs"`
	MayAlloc  bool    `json:"may_allocate,omitempty"`
	Peak      float64 `json:"peak"` // FLOP/s, between the slices
}

// met tells whether each aim of the row was reached; ok is false if it has none.
func (r *row) met() (met, ok bool) {
	met = true
	if r.Aim > 0 && r.RivalName != "" {
		ok, met = true, r.Ratio.Median >= r.Aim
	}
	if r.RateAim > 0 {
		ok, met = true, met && r.Ours.Median >= r.RateAim
	}
	return met, ok
}

// A contender is a rival side with its name.
type contender struct {
	side
	name string
	drop func() error
}

// A pair is neighbouring slices of both sides.
type pair struct{ ours, rival sample }

// contest measures a workload. The rival of each candidate meets an instance of ours of its
// own; the fastest rival goes on to the rounds that count.
func contest(w workload, rivals []contender, l limits, s settings) (*row, error) {
	var sides []*loop
	for range max(1, len(rivals)) {
		step, err := w.ours(w.spec)
		if err != nil {
			return nil, fmt.Errorf("build ours: %w", err)
		}
		side := &loop{step: step}
		if _, err := side.run(s.slice / 2); err != nil {
			return nil, fmt.Errorf("run ours: %w", err)
		}
		sides = append(sides, side)
		if len(sides) == s.instances {
			break
		}
	}
	best, err := fastest(rivals, s)
	if err != nil {
		return nil, err
	}
	r := &row{
		Group: w.group, Name: w.name, Threads: w.threads, Unit: w.unit, Aim: w.aim, RateAim: w.rate, MayAlloc: w.allocates,
	}
	if best != nil {
		r.RivalName = best.name
	}
	k := compute.Best()
	var pairs []pair
	for i := range s.rounds {
		r.Peak = max(r.Peak, peak(k))
		// A scheduler favours who has slept, as the rival in another process has.
		time.Sleep(s.slice)
		// Each instance of ours has its rounds in a row: taking turns, they would throw each
		// other out of the caches, while the rival's only instance stays there.
		p, err := round(sides[i*len(sides)/s.rounds], best, i%2 == 1, s.slice)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	for _, c := range rivals {
		if c.drop != nil {
			if err := c.drop(); err != nil {
				return nil, err
			}
		}
	}
	r.fill(w, pairs)
	r.Limit = l.of(w.cost, r.Peak, w.threads)
	r.Limit.Rate *= w.perStep
	if r.Limit.Rate > 0 {
		r.Share = r.Ours.Median / r.Limit.Rate
	}
	r.Allocs, err = allocations(sides[0].step)
	return r, err
}

// round runs both sides, or ours alone where there is no rival. Who goes first finds a processor
// that has just woken, and caches that others have used.
func round(ours side, rival *contender, rivalFirst bool, slice time.Duration) (p pair, err error) {
	if rival != nil && rivalFirst {
		if p.rival, err = rival.run(slice); err != nil {
			return p, fmt.Errorf("run %s: %w", rival.name, err)
		}
	}
	if p.ours, err = ours.run(slice); err != nil {
		return p, fmt.Errorf("run ours: %w", err)
	}
	if rival != nil && !rivalFirst {
		if p.rival, err = rival.run(slice); err != nil {
			return p, fmt.Errorf("run %s: %w", rival.name, err)
		}
	}
	return p, nil
}

// fill computes the figures of the pairs.
func (r *row) fill(w workload, pairs []pair) {
	rivalStep := w.rivalStep
	if rivalStep == 0 {
		rivalStep = w.perStep
	}
	var ours, theirs, rates, ratios, byCPU []float64
	for _, p := range pairs {
		o := float64(p.ours.Steps) * w.perStep
		ours = append(ours, o/p.ours.Wall)
		if p.ours.CPU > 0 {
			rates = append(rates, o/p.ours.CPU)
		}
		if r.RivalName == "" {
			continue
		}
		t := float64(p.rival.Steps) * rivalStep
		theirs = append(theirs, t/p.rival.Wall)
		ratios = append(ratios, o/p.ours.Wall/(t/p.rival.Wall))
		if p.ours.CPU > 0 && p.rival.CPU > 0 {
			byCPU = append(byCPU, o/p.ours.CPU/(t/p.rival.CPU))
		}
	}
	r.Ours, r.Rival, r.Ratio, r.CPURatio = statOf(ours), statOf(theirs), statOf(ratios), statOf(byCPU).Median
	r.CPURate = statOf(rates).Median
	r.OursBest = slices.Max(ours)
	if r.RivalName != "" {
		r.RivalBest = slices.Max(theirs)
	}
}

// fastest runs each candidate a few times in turn and returns the one with the best median.
func fastest(rivals []contender, s settings) (*contender, error) {
	if len(rivals) == 0 {
		return nil, nil
	}
	rates := make([][]float64, len(rivals))
	for range 3 {
		for i, c := range rivals {
			p, err := c.run(s.slice / 2)
			if err != nil {
				return nil, fmt.Errorf("run %s: %w", c.name, err)
			}
			rates[i] = append(rates[i], float64(p.Steps)/p.Wall)
		}
	}
	best, top := 0, math.Inf(-1)
	for i := range rivals {
		if m := statOf(rates[i]).Median; m > top {
			best, top = i, m
		}
	}
	return &rivals[best], nil
}

// allocations counts whole allocations in a step: the least of a few counts, since the
// runtime now and then makes a goroutine, which it keeps.
func allocations(step func() error) (float64, error) {
	const n = 20
	least := math.Inf(1)
	for range 4 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range n {
			if err := step(); err != nil {
				return 0, err
			}
		}
		runtime.ReadMemStats(&after)
		least = min(least, float64(after.Mallocs-before.Mallocs)/n)
	}
	return math.Floor(least), nil
}
