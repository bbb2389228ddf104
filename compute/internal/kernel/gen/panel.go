package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panelVecs is the width of a tile over a panel of b, in registers.
const panelVecs = 2

// panelTiles writes tiles two registers wide over a panel of b, so that distances are known and
// the loop over terms is unrolled. Rows of a are packed in the order in which they are read, or lie
// in place with adjacent terms; b is packed, or the tile packs it while it multiplies.
func (w width) panelTiles() {
	w.packedTile()
	for rows := w.lowRows(); rows <= w.rows(); rows++ {
		w.placedTile(rows)
		if rows > w.lowRows() {
			w.packingTile(rows)
		}
	}
	w.descendTile()
}

// lowRows is the height of the lowest tile over a panel: rows of more than two of the highest
// tiles are divided evenly into no lower ones.
func (w width) lowRows() int { return w.rows() * 2 / 3 }

// sums returns the registers of a tile over a panel.
func (w width) sums(rows int) [][]reg.VecVirtual {
	sums := make([][]reg.VecVirtual, rows)
	for i := range sums {
		for range panelVecs {
			sums[i] = append(sums[i], w.vec())
		}
	}
	return sums
}

// packedTile writes the highest tile, from rows of a that are packed.
func (w width) packedTile() {
	rows := w.rows()
	TEXT("packedTile"+w.name, NOSPLIT, "func(c, a, b, in *float32, k, ldc, ldin, blocks, apart, relu int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("packedTile%s computes blocks of %d rows and %d registers of columns, from packed rows of a,", w.name, rows, panelVecs),
		"apart bytes from block to block.")
	c, in := Load(Param("c"), GP64()), Load(Param("in"), GP64())
	block, apart := Load(Param("a"), GP64()), Load(Param("apart"), GP64())
	sums := w.sums(rows)
	Label("block")
	w.begin(in, sums, make([]*mask, panelVecs))
	w.requestSums(c, rows)
	Label("begun")
	b, k, a := Load(Param("b"), GP64()), Load(Param("k"), GP64()), GP64()
	MOVQ(block, a)
	ADDQ(apart, block)
	w.packedTerms(sums, a, b, k)
	w.storeSums(sums, c)
	w.nextBlock()
	done()
}

// packedTerms adds k terms to sums, from packed rows of a and a packed panel.
func (w width) packedTerms(sums [][]reg.VecVirtual, a, b, k reg.Register) {
	rows := len(sums)
	unrolled(k, func(n int) {
		for term := range n {
			w.multiply(sums, w.columns(b, term), func(i int) Mem { return Mem{Base: a, Disp: 4 * (term*rows + i)} })
		}
		ADDQ(I32(4*n*rows), a)
		ADDQ(I32(n*panelVecs*w.bytes), b)
	})
}

// placedTile writes a tile from rows of a that lie in place.
func (w width) placedTile(rows int) {
	name := fmt.Sprintf("placedTile%d%s", rows, w.name)
	TEXT(name, NOSPLIT, "func(c, a, b, in *float32, k, ldc, ldin, blocks, apart, relu int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes blocks of %d rows and %d registers of columns, from rows of a", name, rows, panelVecs),
		"that are apart bytes apart.")
	c, in := Load(Param("c"), GP64()), Load(Param("in"), GP64())
	block, apart := Load(Param("a"), GP64()), Load(Param("apart"), GP64())
	sums := w.sums(rows)
	Label("block")
	w.begin(in, sums, make([]*mask, panelVecs))
	w.requestSums(c, rows)
	Label("begun")
	b, k := Load(Param("b"), GP64()), Load(Param("k"), GP64())
	a := pointTo(block, apart, rows)
	requestRows(block, apart, rows)
	unrolled(k, func(n int) {
		for term := range n {
			w.multiply(sums, w.columns(b, term), a.at(term))
		}
		a.advance(n)
		ADDQ(I32(n*panelVecs*w.bytes), b)
	})
	w.storeSums(sums, c)
	w.nextBlock()
	done()
}

// packingTile writes one tile from rows of a and columns of b that lie in place, which copies
// the latter to a panel. Rows of b are requested a few terms ahead: no more, since where they lie a
// fraction of a page apart few of them fit in the first-level cache at once.
func (w width) packingTile(rows int) {
	name := fmt.Sprintf("packingTile%d%s", rows, w.name)
	TEXT(name, NOSPLIT, "func(c, a, b, in, panel *float32, k, ldc, ldin, apart, bp, relu int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes %d rows and %d registers of columns, from rows of a that are apart", name, rows, panelVecs),
		"bytes apart and rows of b that are bp bytes apart, and packs the latter.")
	c, in := Load(Param("c"), GP64()), Load(Param("in"), GP64())
	block, apart := Load(Param("a"), GP64()), Load(Param("apart"), GP64())
	sums := w.sums(rows)
	w.begin(in, sums, make([]*mask, panelVecs))
	Label("begun")
	b, panel, bp := Load(Param("b"), GP64()), Load(Param("panel"), GP64()), Load(Param("bp"), GP64())
	k := Load(Param("k"), GP64())
	a := pointTo(block, apart, rows)
	requestRows(block, apart, rows)
	unrolled(k, func(n int) {
		for term := range n {
			columns := w.columns(b, 0)
			PREFETCHT0(Mem{Base: b, Index: bp, Scale: 4})
			ADDQ(bp, b)
			for j, v := range columns {
				VMOVUPS(v, Mem{Base: panel, Disp: (term*panelVecs + j) * w.bytes})
			}
			w.multiply(sums, columns, a.at(term))
		}
		a.advance(n)
		ADDQ(I32(n*panelVecs*w.bytes), panel)
	})
	w.storeSums(sums, c)
	done()
}

// columns loads a row of a panel, term rows on.
func (w width) columns(b reg.Register, term int) []reg.VecVirtual {
	columns := make([]reg.VecVirtual, panelVecs)
	for j := range columns {
		columns[j] = w.load(Mem{Base: b, Disp: (term*panelVecs + j) * w.bytes}, nil)
	}
	return columns
}

// multiply adds one term to sums: the elements of a that at finds, times columns.
func (w width) multiply(sums [][]reg.VecVirtual, columns []reg.VecVirtual, at func(i int) Mem) {
	for i, row := range sums {
		x := w.vec()
		VBROADCASTSS(at(i), x)
		for j, v := range row {
			VFMADD231PS(columns[j], x, v)
		}
	}
}

// unrolled runs code for four of k terms at a time, and for each of the rest. k is lost.
func unrolled(k reg.Register, code func(n int)) {
	rest := GP64()
	MOVQ(k, rest)
	ANDQ(I8(3), rest)
	SHRQ(U8(2), k)
	JZ(LabelRef("few_terms"))
	Label("terms")
	code(4)
	DECQ(k)
	JNZ(LabelRef("terms"))
	Label("few_terms")
	TESTQ(rest, rest)
	JZ(LabelRef("summed"))
	Label("term")
	code(1)
	DECQ(rest)
	JNZ(LabelRef("term"))
	Label("summed")
}

// placedRows are rows of a that lie in place: every third has a pointer of its own, and the two
// behind it are reached by scaling their distance.
type placedRows struct {
	third []reg.Register
	apart reg.Register
}

// pointTo points to the rows of a tile, and moves block to the rows of the next.
func pointTo(block, apart reg.Register, rows int) placedRows {
	a := placedRows{apart: apart}
	for ; rows > 0; rows -= 3 {
		p := GP64()
		MOVQ(block, p)
		a.third = append(a.third, p)
		if rows >= 3 {
			LEAQ(Mem{Base: block, Index: apart, Scale: 2}, block)
			ADDQ(apart, block)
			continue
		}
		LEAQ(Mem{Base: block, Index: apart, Scale: uint8(rows)}, block)
	}
	return a
}

// at addresses the element of each row, term terms on.
func (a placedRows) at(term int) func(i int) Mem {
	return func(i int) Mem {
		m := Mem{Base: a.third[i/3], Disp: 4 * term}
		if i%3 > 0 {
			m.Index, m.Scale = a.apart, uint8(i%3)
		}
		return m
	}
}

func (a placedRows) advance(terms int) {
	for _, p := range a.third {
		ADDQ(I8(4*terms), p)
	}
}

// requestRows requests where the rows of the next tile begin: what follows comes by itself.
func requestRows(block, apart reg.Register, rows int) {
	ahead := GP64()
	MOVQ(block, ahead)
	for range rows {
		PREFETCHT0(Mem{Base: ahead})
		ADDQ(apart, ahead)
	}
}

// requestSums requests the sums of the next tile, which come from far away; where they begin at 0,
// requests would only add up.
func (w width) requestSums(c reg.Register, rows int) {
	next, ldc := GP64(), Load(Param("ldc"), GP64())
	MOVQ(c, next)
	for range rows / 2 {
		LEAQ(Mem{Base: next, Index: ldc, Scale: 2}, next)
	}
	if rows%2 > 0 {
		ADDQ(ldc, next)
	}
	for range rows {
		PREFETCHT0(Mem{Base: next})
		ADDQ(ldc, next)
	}
}

// storeSums writes a tile, at least 0 with relu, and moves c past it.
func (w width) storeSums(sums [][]reg.VecVirtual, c reg.Register) {
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
	ldc := Load(Param("ldc"), GP64())
	for _, row := range sums {
		for j, v := range row {
			VMOVUPS(v, Mem{Base: c, Disp: j * w.bytes})
		}
		ADDQ(ldc, c)
	}
}

func (w width) nextBlock() {
	blocks := Load(Param("blocks"), GP64())
	DECQ(blocks)
	Store(blocks, Param("blocks"))
	JNZ(LabelRef("block"))
}
