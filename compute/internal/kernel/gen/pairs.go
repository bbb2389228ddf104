package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pairSlopes writes dx_f = dy Σ_g x_g - dy x_f for rows of fields: one or two registers of columns
// at a time, which are read twice. dx may be x.
func (w width) pairSlopes() {
	TEXT("pairSlopesAVX2", NOSPLIT, "func(dx, x, dy *float32, m, fields, dim int)")
	Pragma("noescape")
	Doc("pairSlopesAVX2 is the derivative of FactorPairs for m rows of fields of dim elements, a multiple of 8.")
	dx, x, dy := Load(Param("dx"), GP64()), Load(Param("x"), GP64()), Load(Param("dy"), GP64())
	stride, here, there := Load(Param("dim"), GP64()), GP64(), GP64()
	left, n := GP64(), GP64()
	SHLQ(U8(2), stride)
	up, down, minus := YMM(), YMM(), YMM()
	VMOVUPS(bits(1<<31), minus)
	sums := []reg.VecVirtual{YMM(), YMM()}
	// each runs code for the fields of a row, from x and from dx on.
	each := func(label string, code func()) {
		MOVQ(x, here)
		MOVQ(dx, there)
		fields := Load(Param("fields"), GP64())
		MOVQ(fields, n)
		Label(label)
		code()
		ADDQ(stride, here)
		ADDQ(stride, there)
		DECQ(n)
		JNZ(LabelRef(label))
	}
	columns := func(vecs int) {
		at := func(p reg.Register, i int) Mem { return Mem{Base: p, Disp: 32 * i} }
		for _, sum := range sums[:vecs] {
			w.clear(sum)
		}
		each(fmt.Sprintf("sum_%d", vecs), func() {
			for i, sum := range sums[:vecs] {
				VADDPS(at(here, i), sum, sum)
			}
		})
		for _, sum := range sums[:vecs] {
			VMULPS(up, sum, sum)
		}
		each(fmt.Sprintf("slope_%d", vecs), func() {
			for i, sum := range sums[:vecs] {
				v := YMM()
				VMULPS(at(here, i), down, v)
				VADDPS(sum, v, v)
				VMOVUPS(v, at(there, i))
			}
		})
		ADDQ(I8(32*vecs), x)
		ADDQ(I8(32*vecs), dx)
		SUBQ(I8(32*vecs), left)
	}
	Label("row")
	VBROADCASTSS(Mem{Base: dy}, up)
	ADDQ(I8(4), dy)
	VXORPS(minus, up, down)
	MOVQ(stride, left)
	Label("columns")
	CMPQ(left, I8(64))
	JLT(LabelRef("narrow"))
	columns(2)
	JNZ(LabelRef("columns"))
	JMP(LabelRef("next"))
	Label("narrow")
	columns(1)
	Label("next")
	// The next row begins behind the last field.
	MOVQ(Load(Param("fields"), GP64()), n)
	DECQ(n)
	IMULQ(stride, n)
	ADDQ(n, x)
	ADDQ(n, dx)
	m := Load(Param("m"), GP64())
	DECQ(m)
	Store(m, Param("m"))
	JNZ(LabelRef("row"))
	done()
}
