package real

import "math"

// ln 2 in two parts: the high one has 32 trailing zero bits, so that k*ln2Hi is
// exact for every exponent k.
const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
)

// Exp returns e**x: +Inf above 709.78, 0 below -745.2.
//
// x = k ln 2 + r with |r| <= ln(2)/2, and e**r by its Taylor polynomial of degree 13.
func Exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709.782712893384:
		return math.Inf(1)
	case x < -745.2:
		return 0
	}
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := float64(x-float64(k*ln2Hi)) - float64(k*ln2Lo)
	p := 1.0
	for i := 13; i >= 1; i-- {
		p = 1 + float64(p*r)/float64(i)
	}
	return math.Ldexp(p, int(k))
}

// Log returns the natural logarithm: NaN below 0, -Inf at 0.
//
// x = m 2**e with m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh((m-1)/(m+1)).
func Log(x float64) float64 {
	switch {
	case x != x || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	l := float64(2 * artanh((m-1)/(m+1)))
	return float64(float64(e)*ln2Hi) + (l + float64(float64(e)*ln2Lo))
}

// Log1p returns log(1+x) for x in [0, 1], without losing the digits of a small x.
func Log1p(x float64) float64 { return float64(2 * artanh(x/(2+x))) }

// artanh sums s + s**3/3 + s**5/5 + ... for |s| <= 1/3: 17 terms leave 1e-17.
func artanh(s float64) float64 {
	q := float64(s * s)
	p := 0.0
	for i := 16; i >= 0; i-- {
		p = float64(p*q) + 1/float64(2*i+1)
	}
	return float64(p * s)
}

// Sigmoid returns 1/(1+e**-x).
func Sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + Exp(-x))
	}
	e := Exp(x)
	return e / (1 + e)
}

// Softplus returns log(1+e**x) without overflow: max(x, 0) + log1p(e**-|x|).
func Softplus(x float64) float64 { return math.Max(x, 0) + Log1p(Exp(-math.Abs(x))) }

// Tanh returns the hyperbolic tangent with an absolute error below 1e-15.
func Tanh(x float64) float64 {
	t := 1 - 2/(Exp(math.Abs(float64(2*x)))+1)
	return math.Copysign(t, x)
}
