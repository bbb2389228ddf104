package kernel

import "math"

// What is here defines the elementary functions, operation by operation; the assembly
// does the same operations on registers. fma is fused in every family but Approx.

type fmaFunc = func(a, b, c float32) float32

// relu32 is MAXPS with 0 as first operand: a NaN stays, and so does -0.
func relu32(x float32) float32 {
	if 0 > x {
		return 0
	}
	return x
}

func reluSlope32(dy, y float32) float32 {
	if y > 0 {
		return dy
	}
	return 0
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// floor32 is MAXPS, ceil32 is MINPS, with s as first operand.
func floor32(a, s float32) float32 {
	if s > a {
		return s
	}
	return a
}

func ceil32(a, s float32) float32 {
	if s < a {
		return s
	}
	return a
}

// above32 is MAXPS with x as first operand.
func above32(x, acc float32) float32 {
	if x > acc {
		return x
	}
	return acc
}

// The reduction of exp: x = n log 2 + r, |r| <= log(2)/2, with log 2 in two parts (Cody
// and Waite, "Software manual for the elementary functions", 1980). n is found by adding
// magic, whose unit in the last place is 1.
const (
	magic  = 0x1.8p23
	log2e  = 0x1.715476p+0
	ln2Hi  = 0x1.62ep-1
	ln2Lo  = 0x1.0bfbe8p-15
	expMin = -104
	expMax = 89
)

// exp(r) = 1 + r + r² P(r); the coefficients of P are those of Cephes' expf (Moshier,
// "Methods and programs for mathematical functions", 1989).
var expP = [...]float32{
	1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
}

// expReduce returns n and q = exp(r) - 1.
func expReduce(fma fmaFunc, x float32) (n int32, q float32) {
	t := fma(x, log2e, magic)
	n = int32(math.Float32bits(t)) - int32(math.Float32bits(magic))
	f := t - magic
	r := fma(-f, ln2Hi, x)
	r = fma(-f, ln2Lo, r)
	p := expP[0]
	for _, c := range expP[1:] {
		p = fma(p, r, c)
	}
	return n, fma(float32(r*r), p, r)
}

// pow2 returns 2**n for n in [-126, 127].
func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

// exp32 scales in two steps, since 2**n may be out of range where the result is not.
func exp32(fma fmaFunc, x float32) float32 {
	x = floor32(ceil32(x, expMax), expMin)
	n, q := expReduce(fma, x)
	half := n >> 1
	return float32((1+q)*pow2(half)) * pow2(n-half)
}

// tanh32 is e/(e+2) with e = exp(2|x|) - 1, which loses nothing near 0, and the sign of x.
func tanh32(fma fmaFunc, x float32) float32 {
	sign := math.Float32bits(x) & (1 << 31)
	y := abs32(x)
	n, q := expReduce(fma, ceil32(y+y, 20))
	p := pow2(n)
	e := fma(p, q, p-1)
	return math.Float32frombits(math.Float32bits(e/(e+2)) | sign)
}

func sigmoid32(fma fmaFunc, x float32) float32 {
	return 1 / (1 + exp32(fma, -x))
}

// 2 sqrt(2/π), and that times 0.044715 and times 3·0.044715.
const (
	gelu1 = 0x1.988454p+0
	gelu3 = 0x1.2444f2p-4
	geluD = 0x1.b6676cp-3
)

// gelu32 is x / (1 + exp(-2u)).
func gelu32(fma fmaFunc, x float32) float32 {
	u := float32(x * fma(float32(x*x), -gelu3, -gelu1))
	return x / (1 + exp32(fma, u))
}

// geluSlope32 is s + x s (1-s) 2u' with s = sigmoid(2u). Beyond 16 it is 0 or 1, and x³
// would overflow.
func geluSlope32(fma fmaFunc, x float32) float32 {
	x = floor32(ceil32(x, 16), -16)
	x2 := float32(x * x)
	u := float32(x * fma(x2, -gelu3, -gelu1))
	s := 1 / (1 + exp32(fma, u))
	d := float32(x * fma(x2, geluD, gelu1))
	return fma(fma(-s, s, s), d, s)
}

// log(1+f) = f - f²/2 + f³ L(f) for 1+f in [sqrt(1/2), sqrt(2)); the coefficients of L
// are those of Cephes' logf.
var logP = [...]float32{
	7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
	-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
}

// 1/sqrt(2) rounded down, and log 2 in two parts.
const (
	sqrtHalf = 0x3f3504f3
	logHi    = 0x1.63p-1
	logLo    = -0x1.bd0106p-13
)

func log32(fma fmaFunc, x float32) float32 {
	y, e := x, float32(0)
	if x < 0x1p-126 { // subnormal: scale up
		y, e = x*0x1p25, -25
	}
	i := int32(math.Float32bits(y)) - sqrtHalf
	e += float32(i >> 23)
	f := math.Float32frombits(uint32(i&0x7fffff)+sqrtHalf) - 1
	p := logP[0]
	for _, c := range logP[1:] {
		p = fma(p, f, c)
	}
	f2 := float32(f * f)
	r := float32(float32(p*f) * f2)
	r = fma(e, logLo, r)
	r = fma(f2, -0.5, r)
	r = f + r
	r = fma(e, logHi, r)
	if !(x < float32(math.Inf(1))) { // infinity and NaN
		r = x
	}
	if x == 0 {
		r = float32(math.Inf(-1))
	}
	if x < 0 {
		r = float32(math.NaN())
	}
	return r
}

// softplus32 is max(x, 0) + log(1 + exp(-|x|)).
func softplus32(fma fmaFunc, x float32) float32 {
	e := exp32(fma, -abs32(x))
	return floor32(x, 0) + log1p32(fma, e)
}

// log1p32 is log(1+e) for e in [0, 1]: with s = 1+e rounded, log(s) + (e-(s-1))/s.
func log1p32(fma fmaFunc, e float32) float32 {
	s := 1 + e
	lost := (e - (s - 1)) / s
	return log32(fma, s) + lost
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
