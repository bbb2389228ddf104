package optim

import "math"

// The functions here use additions, multiplications and divisions alone, each product
// rounded by itself, so that they have the same bits on every machine.

// pow returns base**n by repeated squaring.
func pow(base float64, n uint64) float64 {
	p := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = float64(p * base)
		}
		base = float64(base * base)
	}
	return p
}

// cosPi returns cos(πu) for u in [0, 1], by the Taylor polynomial of degree 22 around the
// nearer of the two ends.
func cosPi(u float64) float64 {
	if u > 0.5 {
		return -cosPi(1 - u)
	}
	x := float64(math.Pi * u)
	q := float64(x * x)
	p := 1.0
	for i := 22; i >= 2; i -= 2 {
		p = 1 - float64(p*q)/float64(i*(i-1))
	}
	return p
}

// sqrt rounds the exact root once, as float32.
func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
