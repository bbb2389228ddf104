package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// adagradLines writes the step of Adagrad for some rows of a gradient x yᵀ as they lie in memory,
// whatever of y is 0. A round of the outerStep is a register of columns; rows follow each other
// without a break. The columns that fill no register come after that.
func (w width) adagradLines() {
	TEXT("adagradLinesAVX2", NOSPLIT, "func(o *byte) float32")
	Pragma("noescape")
	Doc("adagradLinesAVX2 returns 0 if all that it wrote is finite, else a NaN.")
	s := w.newOuterStep()
	s.whole()
	s.rest()
	s.done()
}

// whole takes the step for the columns that fill registers.
func (s *outerStep) whole() {
	s.begin(1, 1)
	t, column, end, theta := YMM(), s.a, s.b, GP64()
	s.field(outerWhole, end)
	descend := func() {
		m := Mem{Base: s.thetas[len(s.thetas)-1]}
		VMOVUPS(m, t)
		VSUBPS(s.steps[len(s.steps)-1], t, t)
		VMOVUPS(t, m)
		VFMADD231PS(t, s.zero, s.bad)
	}
	s.eachRow("line", func() {
		VBROADCASTSS(Mem{Base: s.x}, s.xs)
		XORQ(column, column)
		Label("column")
		s.round("column", func() {
			y := Mem{Base: s.y, Index: column, Scale: 1}
			s.squares(y, column, t)
			VFMADD231PS(t, s.zero, s.bad)
			VSQRTPS(t, s.roots[0])
			s.gradient(y)
		}, descend)
		LEAQ(Mem{Base: s.theta, Index: column, Scale: 1}, theta)
		s.next(theta)
		ADDQ(I8(32), column)
		CMPQ(column, end)
		JNE(LabelRef("column"))
	})
	s.finish("column", descend)
}

// rest takes the step for the columns beside them, in one register with a mask.
func (s *outerStep) rest() {
	n, column := GP64(), s.a
	s.field(outerRest, n)
	TESTQ(n, n)
	JZ(LabelRef("no_rest"))
	s.field(outerWhole, column)
	k := s.w.masks(n, 1)[0]
	y := s.w.load(Mem{Base: s.y, Index: column, Scale: 1}, k)
	s.begin(1, 1)
	s.loop("rest", func() {
		m := Mem{Base: s.sum, Index: column, Scale: 1}
		sum := s.w.load(m, k)
		g := s.gradients[0]
		VMULPS(y, s.xs, g)
		VMULPS(g, g, g)
		VADDPS(g, sum, sum)
		s.w.store(sum, m, k)
		VFMADD231PS(sum, s.zero, s.bad)
		VSQRTPS(sum, s.roots[0])
		s.gradient(y)
	}, func() {
		m := Mem{Base: s.thetas[len(s.thetas)-1], Index: column, Scale: 1}
		t := s.w.load(m, k)
		VSUBPS(s.steps[len(s.steps)-1], t, t)
		s.w.store(t, m, k)
		VFMADD231PS(t, s.zero, s.bad)
	})
	Label("no_rest")
}
