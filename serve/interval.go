package serve

import (
	"math"
	"slices"
)

// z95 is the 97.5% quantile of the standard normal distribution.
const z95 = 1.959963984540054

// An Interval is a confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// wilson returns the 95% score interval of a proportion p seen in n trials
// (Wilson 1927). It stays inside [0, 1] and has width at p = 0 and 1.
//
//	(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
func wilson(p float64, n uint64) Interval {
	m := float64(n)
	z2 := z95 * z95
	mid := p + z2/(2*m)
	half := z95 * math.Sqrt(p*(1-p)/m+z2/(4*m*m))
	return Interval{Low: max(0, (mid-half)/(1+z2/m)), High: min(1, (mid+half)/(1+z2/m))}
}

// withIntervals fills in the intervals of every score, and phase, that has what they need.
func (r Report) withIntervals() Report {
	scores := make([]Score, len(r.Scores))
	for i, s := range r.Scores {
		if s.N > 0 && s.Accuracy != nil {
			w := wilson(*s.Accuracy, s.N)
			s.AccuracyInterval = &w
		}
		if s.N > 1 && s.Loss != nil && s.LossSD != nil {
			half := z95 * *s.LossSD / math.Sqrt(float64(s.N))
			s.LossInterval = &Interval{Low: *s.Loss - half, High: *s.Loss + half}
		}
		scores[i] = s
	}
	r.Scores = scores
	if r.Anchors != nil {
		a := *r.Anchors
		a.Phases = slices.Clone(a.Phases)
		for i := range a.Phases {
			if p := &a.Phases[i]; p.Examples > 0 {
				w := wilson(p.Current, uint64(p.Examples))
				p.CurrentInterval = &w
			}
		}
		r.Anchors = &a
	}
	return r
}
