package kernel

import "math"

// fma32 returns a*b + c, rounded once.
//
// The product of two float32 is exact in float64. The sum is not, and rounding it again to
// float32 errs where the first rounding hits the middle between two float32. There, and
// where the result is subnormal, the middle lies elsewhere in the bits, the sum is first
// rounded to odd (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums:
// proved algorithms using rounding to odd", 2008), after which the second rounding is right.
func fma32(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	const low = 1<<29 - 1 // the bits that float32 drops
	bits := math.Float64bits(s)
	if bits&low != 1<<28 && bits<<1 >= 2*0x3810000000000000 {
		return float32(s)
	}
	return float32(roundToOdd(p, float64(c), s))
}

// roundToOdd returns p + c rounded to odd, given that sum rounded to nearest.
func roundToOdd(p, c, s float64) float64 {
	if s-s != 0 { // infinite or NaN
		return s
	}
	// Knuth's two-sum: e is what the rounding of s lost.
	t := s - p
	e := (p - (s - t)) + (c - t)
	bits := math.Float64bits(s)
	if e == 0 || bits&1 == 1 {
		return s
	}
	if (e > 0) == (s > 0) {
		return math.Float64frombits(bits + 1)
	}
	return math.Float64frombits(bits - 1)
}

// muladd is what Approx uses in its place: rounded twice, on every processor.
func muladd(a, b, c float32) float32 { return float32(a*b) + c }
