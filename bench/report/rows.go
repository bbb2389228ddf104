package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/perennial-ml/perennial/bench/measure"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/result"
)

// A row is a method with its runs, by seed.
type row struct {
	method    protocol.Method
	rehearses bool // uses its memory
	runs      []result.Run
}

// rows sorts runs into the suite's methods, and counts those of another protocol.
func rows(s protocol.Suite, runs []result.Run) (out []row, stale int) {
	used := 0
	for _, m := range s.Methods {
		r := row{method: m, rehearses: s.Rehearses(m)}
		digest := s.Digest(m)
		for _, run := range runs {
			if run.Suite == s.Name && run.Method == m.Name && run.Digest == digest {
				r.runs = append(r.runs, run)
			}
		}
		slices.SortStableFunc(r.runs, func(a, b result.Run) int { return cmp.Compare(a.Seed, b.Seed) })
		used += len(r.runs)
		out = append(out, r)
	}
	return out, len(runs) - used
}

// sample is a figure over the seeds that have it.
func (r row) sample(name string) measure.Sample {
	var s measure.Sample
	for _, run := range r.runs {
		if v, ok := run.Figures[name]; ok {
			s = append(s, v)
		}
	}
	return s
}

// of is anything else that each run has.
func (r row) of(value func(result.Run) float64) measure.Sample {
	var s measure.Sample
	for _, run := range r.runs {
		s = append(s, value(run))
	}
	return s
}

func (r row) seconds() measure.Sample {
	return r.of(func(run result.Run) float64 { return run.Outcome.Train })
}

// bytes is what the memory that is rehearsed from takes; nothing where none is.
func (r row) bytes() measure.Sample {
	if !r.rehearses {
		return nil
	}
	return r.of(func(run result.Run) float64 { return float64(run.Outcome.MemoryBytes) })
}

// title is what the row is called.
func (r row) title() string { return cmp.Or(r.method.Title, r.method.Name) }

// percent turns shares into per cent.
func percent(s measure.Sample) measure.Sample {
	out := make(measure.Sample, len(s))
	for i, v := range s {
		out[i] = 100 * v
	}
	return out
}

// orZero is v, or 0 where there is no spread yet.
func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}
