package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// descendTile writes tiles of a gradient aᵀ b that never leave the registers: when they are
// summed up, the step of SGD is taken for the rows of θ that they are the gradient of, with
// products and differences rounded as the update rounds them.
func (w width) descendTile() {
	rows := w.rows()
	TEXT("descendTile"+w.name, NOSPLIT,
		"func(theta, a, b *float32, rows *int32, n, k, stride, apart int, rate, factor float32) float32")
	Pragma("noescape")
	Doc(fmt.Sprintf("descendTile%s takes the step for n rows of %d registers of columns, %d rows at a time, from rows of a", w.name, panelVecs, rows),
		"that are packed, apart bytes from tile to tile. θ's rows are stride bytes apart. It returns 0 if all that",
		"it wrote is finite, else a NaN.")
	theta, stride := Load(Param("theta"), GP64()), Load(Param("stride"), GP64())
	block, apart := Load(Param("a"), GP64()), Load(Param("apart"), GP64())
	places, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	sums, bad := w.sums(rows), w.zero()
	place := GP64()
	locate := func(i int) Mem {
		MOVLQSX(Mem{Base: places, Disp: 4 * i}, place)
		IMULQ(stride, place)
		return Mem{Base: theta, Index: place, Scale: 1}
	}
	Label("block")
	for _, row := range sums {
		for _, v := range row {
			w.clear(v)
		}
	}
	for i := range rows {
		CMPQ(n, I8(i))
		JLE(LabelRef("requested"))
		PREFETCHT0(locate(i))
	}
	Label("requested")
	b, k, a := Load(Param("b"), GP64()), Load(Param("k"), GP64()), GP64()
	MOVQ(block, a)
	ADDQ(apart, block)
	w.packedTerms(sums, a, b, k)
	rate, factor := w.everywhere("rate"), w.everywhere("factor")
	for i, row := range sums {
		here := locate(i)
		for j, v := range row {
			here.Disp = j * w.bytes
			VMULPS(rate, v, v)
			VMULPS(factor, v, v)
			t := w.vec()
			VMOVUPS(here, t)
			VSUBPS(v, t, t)
			VMOVUPS(t, here)
			VSUBPS(t, t, v)
			VADDPS(v, bad, bad)
		}
		DECQ(n)
		JZ(LabelRef("end"))
	}
	ADDQ(I8(4*rows), places)
	JMP(LabelRef("block"))
	Label("end")
	acc := []reg.VecVirtual{w.zero(), w.zero()}[:w.parts()]
	VADDPS(bad, acc[0], acc[0])
	w.tree(acc, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(acc[0].AsX(), ReturnIndex(0))
	done()
}
