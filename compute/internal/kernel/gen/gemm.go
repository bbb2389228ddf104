package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A shape is a block of a product that is held in registers: rows times vecs registers
// of columns, the last of them in part if masked.
type shape struct {
	rows, vecs int
	masked     bool
}

func (s shape) name() string {
	if s.masked {
		return fmt.Sprintf("tile%dx%dm", s.rows, s.vecs)
	}
	return fmt.Sprintf("tile%dx%d", s.rows, s.vecs)
}

// rows is the height of the largest tile: with two registers of columns, the sums, two
// operands and a broadcast fill the register file.
func (w width) rows() int {
	if w.wide() {
		return 12
	}
	return 6
}

// shapes lists the tiles of a family. Low ones are wide, to have eight or more sums in
// flight: two multiply-adds start per cycle, and each takes four.
func (w width) shapes() []shape {
	heights := []int{1, 2, 3, 4, 5, 6}
	if w.wide() {
		heights = append(heights, 8, 12)
	}
	var list []shape
	for _, rows := range heights {
		list = append(list, shape{rows: rows, vecs: 1}, shape{rows: rows, vecs: 2})
	}
	return append(list,
		shape{rows: 1, vecs: 4}, shape{rows: 1, vecs: 8}, shape{rows: 2, vecs: 4}, shape{rows: 3, vecs: 4})
}

func (w width) gemm() {
	for _, s := range w.shapes() {
		w.tile(s)
		if s.vecs <= 2 {
			s.masked = true
			w.tile(s)
		}
	}
	w.ger()
	w.gerNarrow()
	w.peak()
	if !w.wide() {
		w.transpose()
		w.rowDots()
		w.prefetch()
		w.takeRows()
		w.takeColumns()
		w.pairSlopes()
		w.ids()
	}
	w.packRows()
	w.packPanels()
	w.packColumns()
	w.panelTiles()
	w.gatheredTiles()
	w.sweep()
}

// tile writes a function that computes blocks tiles below each other:
//
//	c = in + Σ a[i ai + p ap] b[p bp + j]
//
// All strides are in bytes, and step is that of a from block to block. in is 0 if nil; its rows are ldin apart, which is 0 for a row
// that all share. With relu not 0, c is at least 0.
func (w width) tile(s shape) {
	TEXT(s.name()+w.name, NOSPLIT, "func(c, a, b, in *float32, k, ldc, ai, ap, bp, ldin, blocks, step, cols, relu int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s%s computes blocks of %d rows and %d registers of columns.", s.name(), w.name, s.rows, s.vecs))
	c := Load(Param("c"), GP64())
	a0 := Load(Param("a"), GP64())
	in := Load(Param("in"), GP64())
	ai := Load(Param("ai"), GP64())
	ap := Load(Param("ap"), GP64())
	bp := Load(Param("bp"), GP64())

	masks := make([]*mask, s.vecs)
	if s.masked {
		cols := Load(Param("cols"), GP64())
		masks[s.vecs-1] = w.masks(cols, 1)[0]
	}
	sums := make([][]reg.VecVirtual, s.rows)
	for i := range sums {
		sums[i] = make([]reg.VecVirtual, s.vecs)
		for j := range sums[i] {
			sums[i][j] = w.vec()
		}
	}

	Label("block")
	w.begin(in, sums, masks)
	Label("begun")

	// Every third row has a pointer of its own: the two behind it are reached by scaling ai.
	a := []reg.Register{a0}
	for i := 3; i < s.rows; i += 3 {
		p := GP64()
		LEAQ(Mem{Base: a[len(a)-1], Index: ai, Scale: 2}, p)
		ADDQ(ai, p)
		a = append(a, p)
	}
	walk := make([]reg.Register, len(a))
	for i := range a {
		walk[i] = a[i]
	}
	walk[0] = GP64()
	MOVQ(a0, walk[0])
	b := Load(Param("b"), GP64())
	k := Load(Param("k"), GP64())
	Label("terms")
	PREFETCHT0(Mem{Base: b, Index: bp, Scale: 8})
	at := func(i int) Mem {
		m := Mem{Base: walk[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = ai, uint8(i%3)
		}
		return m
	}
	// What there is less of waits in registers: with 3×4, 12 sums, 3 rows and a column.
	if s.rows < s.vecs {
		x := make([]reg.VecVirtual, s.rows)
		for i := range x {
			x[i] = w.vec()
			VBROADCASTSS(at(i), x[i])
		}
		for j := range s.vecs {
			column := w.load(Mem{Base: b, Disp: j * w.bytes}, masks[j])
			for i := range x {
				VFMADD231PS(column, x[i], sums[i][j])
			}
		}
	} else {
		columns := make([]reg.VecVirtual, s.vecs)
		for j := range columns {
			columns[j] = w.load(Mem{Base: b, Disp: j * w.bytes}, masks[j])
		}
		for i, row := range sums {
			x := w.vec()
			VBROADCASTSS(at(i), x)
			for j, v := range row {
				VFMADD231PS(columns[j], x, v)
			}
		}
	}
	for _, p := range walk {
		ADDQ(ap, p)
	}
	ADDQ(bp, b)
	DECQ(k)
	JNZ(LabelRef("terms"))

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
			w.store(v, Mem{Base: c, Disp: j * w.bytes}, masks[j])
		}
		ADDQ(ldc, c)
	}
	blocks := Load(Param("blocks"), GP64())
	step := Load(Param("step"), GP64())
	ADDQ(step, a0)
	DECQ(blocks)
	Store(blocks, Param("blocks"))
	JNZ(LabelRef("block"))
	done()
}

// begin sets the sums of a tile to 0, and goes to begun, or to what in points to: rows that are
// ldin apart, the last register masked. in then is past them.
func (w width) begin(in reg.Register, sums [][]reg.VecVirtual, masks []*mask) {
	TESTQ(in, in)
	JNZ(LabelRef("from_memory"))
	for _, row := range sums {
		for _, v := range row {
			w.clear(v)
		}
	}
	JMP(LabelRef("begun"))
	Label("from_memory")
	ldin := Load(Param("ldin"), GP64())
	for _, row := range sums {
		for j, v := range row {
			w.loadTo(Mem{Base: in, Disp: j * w.bytes}, masks[j], v)
		}
		ADDQ(ldin, in)
	}
}
