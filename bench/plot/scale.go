package plot

import (
	"math"
	"strconv"
)

// A scale maps values to pixels, linearly or by logarithm.
type scale struct {
	low, high float64 // values
	from, to  float64 // pixels
	log       bool
}

// newScale covers the finite values given; a logarithmic one, those above 0.
func newScale(from, to float64, log bool, values ...[]float64) scale {
	s := scale{low: math.Inf(1), high: math.Inf(-1), from: from, to: to, log: log}
	for _, list := range values {
		for _, v := range list {
			if drawable(v, log) {
				s.low, s.high = math.Min(s.low, v), math.Max(s.high, v)
			}
		}
	}
	if s.low > s.high {
		s.low, s.high = 1, 2
	}
	if s.low == s.high {
		pad := math.Max(math.Abs(s.low)/10, 1e-9)
		s.low, s.high = s.low-pad, s.high+pad
		if log {
			s.low = s.high / 2
		}
	}
	return s
}

func drawable(v float64, log bool) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (!log || v > 0)
}

func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// widened leaves a share of the scale free at both ends.
func (s scale) widened(share float64) scale {
	if s.log {
		f := math.Pow(s.high/s.low, share)
		s.low, s.high = s.low/f, s.high*f
		return s
	}
	pad := (s.high - s.low) * share
	s.low, s.high = s.low-pad, s.high+pad
	return s
}

// ticks returns round values inside the scale, about n of them.
func (s scale) ticks(n int) []float64 {
	if s.log {
		if out := s.decades(); len(out) > 2 {
			return out
		}
	}
	step := roundStep((s.high - s.low) / float64(n))
	var out []float64
	for i := math.Ceil(s.low/step - 1e-9); i*step <= s.high+step*1e-9; i++ {
		out = append(out, i*step)
	}
	return out
}

// decades returns the powers of ten inside the scale, and 2 and 5 times them where
// there are few.
func (s scale) decades() []float64 {
	first, last := math.Floor(math.Log10(s.low)), math.Ceil(math.Log10(s.high))
	factors := []float64{1}
	if last-first <= 2 {
		factors = []float64{1, 2, 5}
	}
	var out []float64
	for e := first; e <= last; e++ {
		for _, f := range factors {
			if v := f * math.Pow(10, e); v >= s.low*(1-1e-9) && v <= s.high*(1+1e-9) {
				out = append(out, v)
			}
		}
	}
	return out
}

// roundStep raises a step to 1, 2 or 5 times a power of ten.
func roundStep(step float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= step*(1-1e-9) {
			return f * power
		}
	}
	return 10 * power
}

// label writes a tick's value.
func label(v float64) string {
	for _, unit := range []struct {
		at   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.at {
			return strconv.FormatFloat(v/unit.at, 'g', 4, 64) + unit.name
		}
	}
	if math.Abs(v) < 1e-12 {
		v = 0
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
