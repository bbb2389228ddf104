package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The offsets of kernel.outer, and of kernel.lanePair in what it points to.
const (
	outerTheta, outerSum, outerX         = 0, 8, 16
	outerPairs, outerPaired, outerAlone  = 24, 32, 40
	outerRows, outerStride               = 48, 56
	outerRate, outerEpsilon, outerFactor = 64, 68, 72

	pairYA, pairYB, pairY               = 0, 32, 64
	pairFrom, pairTo                    = 96, 128
	pairLiveA, pairLiveB, pairOfB       = 160, 192, 224
	pairColumnA, pairColumnB, pairBytes = 256, 264, 320
)

// adagradOuter writes the step of Adagrad for some rows of a gradient x yᵀ. Roots and
// quotients are taken of the lanes alone whose y is not 0: those of two groups of a row in
// one register, where they fit. The others keep their bits, as a gradient of +0 leaves them.
//
// A row of a pair goes through three rounds of the loop, so that nothing waits for a root or
// for a quotient: sums and root, quotient, parameters.
func (w width) adagradOuter() {
	TEXT("adagradOuterAVX2", NOSPLIT, "func(o *byte) float32")
	Pragma("noescape")
	Doc("adagradOuterAVX2 returns 0 if all that it wrote is finite, else a NaN.")
	o := Load(Param("o"), GP64())
	field := func(at int, to reg.Register) { MOVQ(Mem{Base: o, Disp: at}, to) }
	zero, bad, rate, epsilon := w.zero(), w.zero(), YMM(), YMM()
	VBROADCASTSS(Mem{Base: o, Disp: outerRate}, rate)
	VBROADCASTSS(Mem{Base: o, Disp: outerEpsilon}, epsilon)
	pair, left, stride := GP64(), GP64(), GP64()
	theta, sum, x, rows, a, b, bits := GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), GP32()
	field(outerStride, stride)
	field(outerPairs, pair)
	xs, sa, sb, root, g, step := YMM(), YMM(), YMM(), YMM(), YMM(), YMM()
	ya, yb, y, from, to, ofB := YMM(), YMM(), YMM(), YMM(), YMM(), YMM()

	begin := func() {
		field(outerTheta, theta)
		field(outerSum, sum)
		field(outerX, x)
		field(outerRows, rows)
		MOVQ(Mem{Base: pair, Disp: pairColumnA}, a)
		VMOVUPS(Mem{Base: pair, Disp: pairYA}, ya)
	}
	// each runs code for the rows whose x is not 0.
	each := func(label string, code func()) {
		Label(label)
		MOVL(Mem{Base: x}, bits)
		ADDL(bits, bits)
		JZ(LabelRef(label + "_zero"))
		code()
		Label(label + "_zero")
		ADDQ(I8(4), x)
		ADDQ(stride, theta)
		ADDQ(stride, sum)
		DECQ(rows)
		JNZ(LabelRef(label))
	}
	// squares adds the square of a gradient to the sum of them, and writes it.
	squares := func(y, s Op, column reg.Register) {
		m := Mem{Base: sum, Index: column, Scale: 1}
		VMULPS(y, xs, s)
		VMULPS(s, s, s)
		VADDPS(m, s, s)
		VMOVUPS(s, m)
	}
	divide := func(label string) {
		VADDPS(epsilon, root, root)
		VDIVPS(root, g, step)
		CMPL(Mem{Base: o, Disp: outerFactor}, U32(0x3f800000))
		JEQ(LabelRef(label))
		VBROADCASTSS(Mem{Base: o, Disp: outerFactor}, root)
		VMULPS(root, step, step)
		Label(label)
	}
	descend := func(s, t Op, theta, column reg.Register) {
		m := Mem{Base: theta, Index: column, Scale: 1}
		VMOVUPS(m, t)
		VSUBPS(s, t, t)
		VMOVUPS(t, m)
	}

	field(outerPaired, left)
	TESTQ(left, left)
	JZ(LabelRef("paired"))
	Label("pair")
	begin()
	MOVQ(Mem{Base: pair, Disp: pairColumnB}, b)
	VMOVUPS(Mem{Base: pair, Disp: pairYB}, yb)
	VMOVUPS(Mem{Base: pair, Disp: pairY}, y)
	VMOVUPS(Mem{Base: pair, Disp: pairFrom}, from)
	VMOVUPS(Mem{Base: pair, Disp: pairTo}, to)
	VMOVUPS(Mem{Base: pair, Disp: pairOfB}, ofB)
	// What goes from round to round: of the last row its root and gradient, of the one
	// before that its step. The first ones change nothing.
	theta1, theta2 := GP64(), GP64()
	MOVQ(theta, theta1)
	MOVQ(theta, theta2)
	VMOVAPS(epsilon, root)
	w.clear(g)
	w.clear(step)
	end := func(theta reg.Register) {
		VANDPS(Mem{Base: pair, Disp: pairLiveA}, step, sa)
		descend(sa, xs, theta, a)
		VPERMPS(step, to, sb)
		VANDPS(Mem{Base: pair, Disp: pairLiveB}, sb, sb)
		VMULPS(xs, zero, sa)
		descend(sb, xs, theta, b)
		VFMADD231PS(xs, zero, sa)
		VADDPS(sa, bad, bad)
	}
	each("row", func() {
		end(theta2)
		divide("factor")
		VBROADCASTSS(Mem{Base: x}, xs)
		squares(ya, sa, a)
		squares(yb, sb, b)
		VPERMPS(sb, from, sb)
		VBLENDVPS(ofB, sb, sa, sa)
		VFMADD231PS(sa, zero, bad)
		VSQRTPS(sa, root)
		VMULPS(y, xs, g)
		VMULPS(rate, g, g)
		MOVQ(theta1, theta2)
		MOVQ(theta, theta1)
	})
	end(theta2)
	divide("last_factor")
	end(theta1)
	ADDQ(I32(pairBytes), pair)
	DECQ(left)
	JNZ(LabelRef("pair"))
	Label("paired")

	field(outerAlone, left)
	TESTQ(left, left)
	JZ(LabelRef("done"))
	Label("alone")
	begin()
	each("alone_row", func() {
		VBROADCASTSS(Mem{Base: x}, xs)
		squares(ya, sa, a)
		VFMADD231PS(sa, zero, bad)
		VSQRTPS(sa, root)
		VFMADD132PS(ya, zero, xs) // a y of 0 gives +0
		VMULPS(rate, xs, g)
		divide("alone_factor")
		descend(step, sb, theta, a)
		VFMADD231PS(sb, zero, bad)
	})
	ADDQ(I32(pairBytes), pair)
	DECQ(left)
	JNZ(LabelRef("alone"))
	Label("done")
	acc := []reg.VecVirtual{bad, zero}
	w.tree(acc, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(acc[0].AsX(), ReturnIndex(0))
	done()
}
