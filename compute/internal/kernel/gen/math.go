package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The elementary functions of math32.go, operation by operation. The constants are the
// same and are explained there.
const (
	absBits  = 0x7fffffff
	signBits = 0x80000000
	magic    = 0x1.8p23
	log2e    = 0x1.715476p+0
	ln2Hi    = 0x1.62ep-1
	ln2Lo    = 0x1.0bfbe8p-15
	expMin   = -104
	expMax   = 89
	gelu1    = 0x1.988454p+0
	gelu3    = 0x1.2444f2p-4
	geluD    = 0x1.b6676cp-3
	sqrtHalf = 0x3f3504f3
	logHi    = 0x1.63p-1
	logLo    = -0x1.bd0106p-13
)

var (
	expP = []float32{
		1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
	}
	logP = []float32{
		7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
	}
)

// f returns a constant in every lane, in memory.
func (w width) f(x float32) Mem { return bits(math.Float32bits(x)) }

// polynomial returns c[0] x^(n-1) + ... + c[n-1] by Horner's rule.
func (w width) polynomial(c []float32, x reg.VecVirtual) reg.VecVirtual {
	p := w.load(w.f(c[0]), nil)
	for _, next := range c[1:] {
		VFMADD213PS(w.f(next), x, p)
	}
	return p
}

// expReduce overwrites x and returns n and exp(r) - 1, where x = n log 2 + r.
func (w width) expReduce(x reg.VecVirtual) (n, q reg.VecVirtual) {
	n = w.load(w.f(magic), nil)
	VFMADD231PS(w.f(log2e), x, n)
	f := w.vec()
	VSUBPS(w.f(magic), n, f)
	VPSUBD(bits(math.Float32bits(magic)), n, n)
	VFNMADD231PS(w.f(ln2Hi), f, x)
	VFNMADD231PS(w.f(ln2Lo), f, x)
	p := w.polynomial(expP, x)
	VMULPS(x, x, f)
	VFMADD213PS(x, f, p)
	return n, p
}

// pow2 overwrites the integers n with 2**n.
func (w width) pow2(n reg.VecVirtual) {
	VPADDD(bits(127), n, n)
	VPSLLD(U8(23), n, n)
}

// exp overwrites x.
func (w width) exp(x reg.VecVirtual) reg.VecVirtual {
	VMINPS(x, w.load(w.f(expMax), nil), x)
	VMAXPS(x, w.load(w.f(expMin), nil), x)
	n, q := w.expReduce(x)
	half := w.vec()
	VPSRAD(U8(1), n, half)
	VPSUBD(half, n, n)
	w.pow2(half)
	w.pow2(n)
	VADDPS(w.f(1), q, q)
	VMULPS(half, q, q)
	VMULPS(n, q, q)
	return q
}

func (w width) tanh(x reg.VecVirtual) reg.VecVirtual {
	sign := w.vec()
	VANDPS(bits(signBits), x, sign)
	VANDPS(bits(absBits), x, x)
	VADDPS(x, x, x)
	VMINPS(x, w.load(w.f(20), nil), x)
	p, q := w.expReduce(x)
	w.pow2(p)
	e := w.vec()
	VSUBPS(w.f(1), p, e)
	VFMADD231PS(p, q, e)
	VADDPS(w.f(2), e, p)
	VDIVPS(p, e, e)
	VORPS(sign, e, e)
	return e
}

func (w width) sigmoid(x reg.VecVirtual) reg.VecVirtual {
	VXORPS(bits(signBits), x, x)
	e := w.exp(x)
	VADDPS(w.f(1), e, e)
	s := w.load(w.f(1), nil)
	VDIVPS(e, s, s)
	return s
}

// gelu returns -2u for x and its square.
func (w width) gelu(x, x2 reg.VecVirtual) reg.VecVirtual {
	u := w.load(w.f(-gelu3), nil)
	VFMADD213PS(w.f(-gelu1), x2, u)
	VMULPS(u, x, u)
	return u
}

// log keeps x.
func (w width) log(x reg.VecVirtual) reg.VecVirtual {
	y := w.vec()
	VMULPS(w.f(0x1p25), x, y)
	tiny := w.load(w.f(0x1p-126), nil)
	y = w.choose(less, x, tiny, y, x)
	e := w.choose(less, x, tiny, w.load(w.f(-25), nil), w.zero())
	VPSUBD(bits(sqrtHalf), y, y)
	exponent := w.vec()
	VPSRAD(U8(23), y, exponent)
	VCVTDQ2PS(exponent, exponent)
	VADDPS(exponent, e, e)
	f := y
	VANDPS(bits(0x7fffff), f, f)
	VPADDD(bits(sqrtHalf), f, f)
	VSUBPS(w.f(1), f, f)
	p := w.polynomial(logP, f)
	f2 := w.vec()
	VMULPS(f, f, f2)
	VMULPS(f, p, p)
	VMULPS(f2, p, p)
	VFMADD231PS(w.f(logLo), e, p)
	VFMADD231PS(w.f(-0.5), f2, p)
	VADDPS(p, f, p)
	VFMADD231PS(w.f(logHi), e, p)
	p = w.choose(notLess, x, w.load(w.f(float32(math.Inf(1))), nil), x, p)
	zero := w.zero()
	p = w.choose(equal, x, zero, w.load(w.f(float32(math.Inf(-1))), nil), p)
	return w.choose(less, x, zero, w.load(bits(0x7fc00000), nil), p)
}

func (w width) softplus(x reg.VecVirtual) reg.VecVirtual {
	e := w.vec()
	VORPS(bits(signBits), x, e)
	VMAXPS(x, w.zero(), x)
	e = w.exp(e)
	s := w.vec()
	VADDPS(w.f(1), e, s)
	t := w.vec()
	VSUBPS(w.f(1), s, t)
	VSUBPS(t, e, t)
	VDIVPS(s, t, t)
	l := w.log(s)
	VADDPS(t, l, l)
	VADDPS(l, x, x)
	return x
}
