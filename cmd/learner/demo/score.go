package demo

import "math"

// A tally is the accuracy of one who predicts, half-hour by half-hour.
type tally struct {
	name string
	hits []bool
}

func (t *tally) add(right bool) { t.hits = append(t.hits, right) }

// over returns the accuracy of half-hours from to to-1; NaN without any.
func (t *tally) over(from, to int) float64 {
	from, to = max(from, 0), min(to, len(t.hits))
	n := 0
	for _, hit := range t.hits[min(from, to):to] {
		if hit {
			n++
		}
	}
	return float64(n) / float64(to-from)
}

// all returns the accuracy of every half-hour so far.
func (t *tally) all() float64 { return t.over(0, len(t.hits)) }

// curve returns the accuracy of each fortnight.
func (t *tally) curve() []float64 {
	var out []float64
	for from := 0; from+2*week <= len(t.hits); from += 2 * week {
		out = append(out, t.over(from, from+2*week))
	}
	return out
}

// margin is half the width of the 95% interval of an accuracy p over n trials, as if
// the trials were independent; neighbouring half-hours are not quite.
func margin(p float64, n int) float64 { return 1.96 * math.Sqrt(p*(1-p)/float64(n)) }
