package measure

import "math"

// A Sample is one figure over several seeds.
type Sample []float64

// Mean is NaN if there is no value, or if one is.
func (s Sample) Mean() float64 { return mean(s) }

// Deviation is the sample standard deviation, with n-1; NaN under two values.
func (s Sample) Deviation() float64 {
	if len(s) < 2 {
		return math.NaN()
	}
	m, sum := mean(s), 0.0
	for _, v := range s {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(s)-1))
}

// Verdict says how a figure stands beside a published one: "passed" from it upwards,
// "within spread" if it is below by no more than one deviation, and else "missed".
func (s Sample) Verdict(published float64) string {
	m, d := s.Mean(), s.Deviation()
	switch {
	case math.IsNaN(m):
		return "not measured"
	case m >= published:
		return "passed"
	case published-m <= d:
		return "within spread"
	}
	return "missed"
}
