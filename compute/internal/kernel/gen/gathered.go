package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gatheredRows is the height of the highest gathered tile: each row has a pointer.
const gatheredRows = 6

// gatheredTiles writes the tiles of correlations, of each height.
func (w width) gatheredTiles() {
	for rows := 1; rows <= gatheredRows; rows++ {
		for vecs := 1; vecs <= 2; vecs++ {
			w.gathered(rows, vecs)
		}
	}
}

// gathered writes a function that computes blocks tiles below each other:
//
//	c = in + Σ a[rows[i] + s jump + p ap] b[(s k + p) bp + j]
//
// over strips s of k terms p. Distances are in bytes; skip is jump - k ap.
func (w width) gathered(rows, vecs int) {
	name := fmt.Sprintf("gathered%dx%d%s", rows, vecs, w.name)
	TEXT(name, NOSPLIT, "func(c, a, b, in *float32, rows *int, k, ap, strips, skip, bp, ldc, ldin, blocks, relu int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes blocks of %d rows, each with a place of its own in a, and %d registers of columns.", name, rows, vecs))
	ap, bp := Load(Param("ap"), GP64()), Load(Param("bp"), GP64())
	sums := make([][]reg.VecVirtual, rows)
	for i := range sums {
		for range vecs {
			sums[i] = append(sums[i], w.vec())
		}
	}
	Label("block")
	in := Load(Param("in"), GP64())
	w.begin(in, sums, make([]*mask, vecs))
	Store(in, Param("in"))
	Label("begun")
	places, a := Load(Param("rows"), GP64()), Load(Param("a"), GP64())
	at := make([]reg.Register, rows)
	for i := range at {
		at[i] = GP64()
		MOVQ(Mem{Base: places, Disp: 8 * i}, at[i])
		ADDQ(a, at[i])
	}
	ADDQ(I8(8*rows), places)
	Store(places, Param("rows"))
	b, strips, off := Load(Param("b"), GP64()), Load(Param("strips"), GP64()), GP64()
	XORQ(off, off)
	Label("strip")
	k := Load(Param("k"), GP64())
	Label("term")
	columns := make([]reg.VecVirtual, vecs)
	for j := range columns {
		columns[j] = w.load(Mem{Base: b, Disp: j * w.bytes}, nil)
	}
	for i, row := range sums {
		x := w.vec()
		VBROADCASTSS(Mem{Base: at[i], Index: off, Scale: 1}, x)
		for j, v := range row {
			VFMADD231PS(columns[j], x, v)
		}
	}
	ADDQ(ap, off)
	ADDQ(bp, b)
	DECQ(k)
	JNZ(LabelRef("term"))
	ADDQ(Load(Param("skip"), GP64()), off)
	DECQ(strips)
	JNZ(LabelRef("strip"))

	relu := Load(Param("relu"), GP64())
	TESTQ(relu, relu)
	JZ(LabelRef("store"))
	zero := w.zero()
	for _, row := range sums {
		for _, v := range row {
			VMAXPS(v, zero, v)
		}
	}
	Label("store")
	c, ldc := Load(Param("c"), GP64()), Load(Param("ldc"), GP64())
	for _, row := range sums {
		for j, v := range row {
			VMOVUPS(v, Mem{Base: c, Disp: j * w.bytes})
		}
		ADDQ(ldc, c)
	}
	Store(c, Param("c"))
	blocks := Load(Param("blocks"), GP64())
	DECQ(blocks)
	Store(blocks, Param("blocks"))
	JNZ(LabelRef("block"))
	done()
}
