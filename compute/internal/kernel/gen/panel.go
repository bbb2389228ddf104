package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panelTiles writes the highest tile, two registers wide, over a packed panel of b, so that
// distances are known and the loop over terms is unrolled. Rows of a are packed in the order in
// which they are read, or lie in place with adjacent terms.
func (w width) panelTiles() {
	w.panelTile("packedTile", true)
	w.panelTile("placedTile", false)
}

func (w width) panelTile(name string, packed bool) {
	const vecs, unroll = 2, 4
	rows := w.rows()
	TEXT(name+w.name, NOSPLIT, "func(c, a, b, in *float32, k, ldc, ldin, blocks, apart, relu int)")
	Pragma("noescape")
	apartIs := "packed rows of a,"
	if !packed {
		apartIs = "rows of a"
	}
	Doc(fmt.Sprintf("%s%s computes blocks of %d rows and %d registers of columns, from %s", name, w.name, rows, vecs, apartIs),
		map[bool]string{true: "apart bytes from block to block.", false: "that are apart bytes apart."}[packed])
	c, in := Load(Param("c"), GP64()), Load(Param("in"), GP64())
	block, apart := Load(Param("a"), GP64()), Load(Param("apart"), GP64())
	sums := make([][]reg.VecVirtual, rows)
	for i := range sums {
		for range vecs {
			sums[i] = append(sums[i], w.vec())
		}
	}
	Label("block")
	w.begin(in, sums, make([]*mask, vecs))
	// The next tile's sums come from far away; where they begin at 0, requests would only add up.
	next, ldc := GP64(), Load(Param("ldc"), GP64())
	LEAQ(Mem{Base: c, Index: ldc, Scale: 2}, next)
	for range rows/2 - 1 {
		LEAQ(Mem{Base: next, Index: ldc, Scale: 2}, next)
	}
	for range rows {
		PREFETCHT0(Mem{Base: next})
		ADDQ(ldc, next)
	}
	Label("begun")
	b, k, rest := Load(Param("b"), GP64()), Load(Param("k"), GP64()), GP64()
	// Where rows lie in place, every third has a pointer of its own.
	walk := []reg.Register{GP64()}
	MOVQ(block, walk[0])
	if packed {
		ADDQ(apart, block)
	} else {
		for range rows / 3 {
			LEAQ(Mem{Base: block, Index: apart, Scale: 2}, block)
			ADDQ(apart, block)
			if len(walk) < rows/3 {
				p := GP64()
				MOVQ(block, p)
				walk = append(walk, p)
			}
		}
	}
	if !packed {
		// Where the rows of the next tile begin: what follows comes by itself.
		ahead := GP64()
		MOVQ(block, ahead)
		for range rows {
			PREFETCHT0(Mem{Base: ahead})
			ADDQ(apart, ahead)
		}
	}
	at := func(i, term int) Mem {
		if packed {
			return Mem{Base: walk[0], Disp: 4 * (term*rows + i)}
		}
		m := Mem{Base: walk[i/3], Disp: 4 * term}
		if i%3 > 0 {
			m.Index, m.Scale = apart, uint8(i%3)
		}
		return m
	}
	terms := func(n int) {
		for term := range n {
			columns := make([]reg.VecVirtual, vecs)
			for j := range columns {
				columns[j] = w.load(Mem{Base: b, Disp: (term*vecs + j) * w.bytes}, nil)
			}
			for i, row := range sums {
				x := w.vec()
				VBROADCASTSS(at(i, term), x)
				for j, v := range row {
					VFMADD231PS(columns[j], x, v)
				}
			}
		}
		step := 4 * n
		if packed {
			step *= rows
		}
		for _, p := range walk {
			ADDQ(I32(step), p)
		}
		ADDQ(I32(n*vecs*w.bytes), b)
	}
	MOVQ(k, rest)
	ANDQ(I8(unroll-1), rest)
	SHRQ(U8(2), k)
	JZ(LabelRef("few"))
	Label("terms")
	terms(unroll)
	DECQ(k)
	JNZ(LabelRef("terms"))
	Label("few")
	TESTQ(rest, rest)
	JZ(LabelRef("summed"))
	Label("term")
	terms(1)
	DECQ(rest)
	JNZ(LabelRef("term"))
	Label("summed")
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
	stride := Load(Param("ldc"), GP64())
	for _, row := range sums {
		for j, v := range row {
			VMOVUPS(v, Mem{Base: c, Disp: j * w.bytes})
		}
		ADDQ(stride, c)
	}
	blocks := Load(Param("blocks"), GP64())
	DECQ(blocks)
	Store(blocks, Param("blocks"))
	JNZ(LabelRef("block"))
	done()
}
