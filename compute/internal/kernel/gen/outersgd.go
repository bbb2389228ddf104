package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sgdOuter writes the step of SGD for a gradient x yᵀ: row by row, so that θ is read and written
// from end to end. Rows whose x is 0 keep their bits, as a gradient of +0 leaves them.
func (w width) sgdOuter() {
	name := "sgdOuter" + w.name
	TEXT(name, NOSPLIT, "func(theta, x, y *float32, m, n int, rate, factor float32) float32")
	Pragma("noescape")
	Doc(name + " returns 0 if all that it wrote is finite, else a NaN.")
	theta, x, y := Load(Param("theta"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	m, n, stride := Load(Param("m"), GP64()), Load(Param("n"), GP64()), GP64()
	MOVQ(n, stride)
	SHLQ(U8(2), stride)
	rate, factor := w.everywhere("rate"), w.everywhere("factor")
	xs, zero, bad := w.vec(), w.zero(), w.zeros()
	Label("row")
	TESTL(U32(0x7fffffff), Mem{Base: x})
	JZ(LabelRef("zero"))
	VBROADCASTSS(Mem{Base: x}, xs)
	w.loop("columns", n, func(off reg.Register, ks []*mask) {
		for i, k := range ks {
			g := w.load(w.at(y, off, i), k)
			VFMADD132PS(xs, zero, g) // a product of -0 gives +0
			VMULPS(rate, g, g)
			VMULPS(factor, g, g)
			t := w.load(w.at(theta, off, i), k)
			VSUBPS(g, t, t)
			w.store(t, w.at(theta, off, i), k)
			VSUBPS(t, t, t)
			VADDPS(t, bad[i], bad[i])
		}
	})
	Label("zero")
	ADDQ(I8(4), x)
	ADDQ(stride, theta)
	DECQ(m)
	JNZ(LabelRef("row"))
	w.tree(bad, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(bad[0].AsX(), ReturnIndex(0))
	done()
}
