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
	w.peak()
	if !w.wide() {
		w.transpose()
		w.rowDots()
		w.pack()
		w.prefetch()
	}
	w.packRows()
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

// ger writes dst = x yᵀ, or dst += x yᵀ.
func (w width) ger() {
	TEXT("ger"+w.name, NOSPLIT, "func(dst, x, y *float32, m, n, ldd int, acc bool)")
	Pragma("noescape")
	Doc("ger" + w.name + " is the product of a column and a row.")
	dst, x, y := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	m, n, ldd := Load(Param("m"), GP64()), Load(Param("n"), GP64()), Load(Param("ldd"), GP64())
	acc := Load(Param("acc"), GP8())
	SHLQ(U8(2), ldd)
	TESTB(acc, acc)
	JNZ(LabelRef("add"))
	for _, add := range []bool{false, true} {
		label := "set"
		if add {
			label = "add"
		}
		Label(label)
		v := w.vec()
		VBROADCASTSS(Mem{Base: x}, v)
		w.loop(label, n, func(off reg.Register, ks []*mask) {
			for i, k := range ks {
				var s reg.VecVirtual
				if add {
					s = w.load(w.at(dst, off, i), k)
				} else {
					s = w.zero()
				}
				VFMADD231PS(w.load(w.at(y, off, i), k), v, s)
				w.store(s, w.at(dst, off, i), k)
			}
		})
		ADDQ(I8(4), x)
		ADDQ(ldd, dst)
		DECQ(m)
		JNZ(LabelRef(label))
		if !add {
			JMP(LabelRef("out"))
		}
	}
	Label("out")
	done()
}

// transpose writes the packing of 8 rows of a right operand that is used transposed: row j
// becomes column j. The last k mod 8 columns of the source go one by one.
func (w width) transpose() {
	TEXT("transpose8AVX2", NOSPLIT, "func(dst, src *float32, k, lds, ldd int)")
	Pragma("noescape")
	Doc("transpose8AVX2 writes 8 rows of src, k long and lds bytes apart, as columns of dst,", "whose rows are ldd bytes apart.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	k, lds, ldd := Load(Param("k"), GP64()), Load(Param("lds"), GP64()), Load(Param("ldd"), GP64())
	src3, src6, dst3 := GP64(), GP64(), GP64()
	at := func(i int, disp int) Mem {
		m := Mem{Base: []reg.Register{src, src3, src6}[i/3], Disp: disp}
		if i%3 > 0 {
			m.Index, m.Scale = lds, uint8(i%3)
		}
		return m
	}
	LEAQ(Mem{Base: src, Index: lds, Scale: 2}, src3)
	ADDQ(lds, src3)
	LEAQ(Mem{Base: src3, Index: lds, Scale: 2}, src6)
	ADDQ(lds, src6)
	rest := GP64()
	MOVQ(k, rest)
	ANDQ(I8(7), rest)
	SHRQ(U8(3), k)
	JZ(LabelRef("tail"))
	Label("block")
	sq := newSquare()
	for half := range 2 {
		out := sq.transposed(func(i int, v reg.VecVirtual) {
			VMOVUPS(at(i, 16*half), v.AsX())
			VINSERTF128(U8(1), at(i+4, 16*half), v, v)
		})
		LEAQ(Mem{Base: dst, Index: ldd, Scale: 2}, dst3)
		VMOVUPS(out[0], Mem{Base: dst})
		VMOVUPS(out[1], Mem{Base: dst, Index: ldd, Scale: 1})
		VMOVUPS(out[2], Mem{Base: dst3})
		VMOVUPS(out[3], Mem{Base: dst3, Index: ldd, Scale: 1})
		LEAQ(Mem{Base: dst, Index: ldd, Scale: 4}, dst)
	}
	ADDQ(I8(32), src)
	ADDQ(I8(32), src3)
	ADDQ(I8(32), src6)
	DECQ(k)
	JNZ(LabelRef("block"))
	Label("tail")
	TESTQ(rest, rest)
	JZ(LabelRef("end"))
	Label("column")
	x := GP32()
	for i := range 8 {
		MOVL(at(i, 0), x)
		MOVL(x, Mem{Base: dst, Disp: 4 * i})
	}
	ADDQ(I8(4), src)
	ADDQ(I8(4), src3)
	ADDQ(I8(4), src6)
	ADDQ(ldd, dst)
	DECQ(rest)
	JNZ(LabelRef("column"))
	Label("end")
	done()
}

// A square turns 8 rows of 4 elements into 4 columns of 8.
type square struct{ r, t [4]reg.VecVirtual }

func newSquare() square {
	var s square
	for i := range s.r {
		s.r[i], s.t[i] = YMM(), YMM()
	}
	return s
}

// transposed returns the columns. load fills a register with row i below, row i+4 above.
func (s square) transposed(load func(i int, v reg.VecVirtual)) [4]reg.VecVirtual {
	r, t := s.r, s.t
	for i := range r {
		load(i, r[i])
	}
	VUNPCKLPS(r[1], r[0], t[0])
	VUNPCKHPS(r[1], r[0], t[1])
	VUNPCKLPS(r[3], r[2], t[2])
	VUNPCKHPS(r[3], r[2], t[3])
	VSHUFPS(U8(0x44), t[2], t[0], r[0])
	VSHUFPS(U8(0xee), t[2], t[0], r[1])
	VSHUFPS(U8(0x44), t[3], t[1], r[2])
	VSHUFPS(U8(0xee), t[3], t[1], r[3])
	return r
}

// rowDots writes the product of a row with a transposed matrix, for 8 or 32 of its rows:
// they are transposed in registers, so that each sum is one chain.
func (w width) rowDots() {
	for _, groups := range []int{1, 4} {
		TEXT(fmt.Sprintf("rowDots%dAVX2", 8*groups), NOSPLIT, "func(c, x, src, in *float32, k, lds int)")
		Pragma("noescape")
		Doc(fmt.Sprintf("rowDots%dAVX2 continues the sums in, or 0 if nil, with the products of x and as many", 8*groups),
			"rows of src, k long and lds bytes apart.")
		x, src := Load(Param("x"), GP64()), Load(Param("src"), GP64())
		k, lds := Load(Param("k"), GP64()), Load(Param("lds"), GP64())
		lds3, lds5, lds7 := GP64(), GP64(), GP64()
		LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
		LEAQ(Mem{Base: lds, Index: lds, Scale: 4}, lds5)
		LEAQ(Mem{Base: lds5, Index: lds, Scale: 2}, lds7)
		base := make([]reg.Register, groups)
		sums := make([]reg.VecVirtual, groups)
		for g := range base {
			if base[g] = src; g > 0 {
				base[g] = GP64()
				LEAQ(Mem{Base: base[g-1], Index: lds, Scale: 8}, base[g])
			}
			sums[g] = w.zero()
		}
		at := func(g, i, disp int) Mem {
			m := Mem{Base: base[g], Disp: disp}
			switch i {
			case 1, 2, 4:
				m.Index, m.Scale = lds, uint8(i)
			case 3, 6:
				m.Index, m.Scale = lds3, uint8(i/3)
			case 5:
				m.Index, m.Scale = lds5, 1
			case 7:
				m.Index, m.Scale = lds7, 1
			}
			return m
		}
		in := Load(Param("in"), GP64())
		TESTQ(in, in)
		JZ(LabelRef("begun"))
		for g, s := range sums {
			VMOVUPS(Mem{Base: in, Disp: 32 * g}, s)
		}
		Label("begun")
		rest := GP64()
		MOVQ(k, rest)
		ANDQ(I8(7), rest)
		SHRQ(U8(3), k)
		JZ(LabelRef("tail"))
		Label("terms")
		sq := newSquare()
		for half := range 2 {
			for g, s := range sums {
				for p, column := range sq.transposed(func(i int, v reg.VecVirtual) {
					VMOVUPS(at(g, i, 16*half), v.AsX())
					VINSERTF128(U8(1), at(g, i+4, 16*half), v, v)
				}) {
					v := YMM()
					VBROADCASTSS(Mem{Base: x, Disp: 16*half + 4*p}, v)
					VFMADD231PS(column, v, s)
				}
			}
		}
		ADDQ(I8(32), x)
		for _, b := range base {
			ADDQ(I8(32), b)
		}
		DECQ(k)
		JNZ(LabelRef("terms"))
		Label("tail")
		// The last columns, fewer than 8, are read one by one.
		TESTQ(rest, rest)
		JZ(LabelRef("end"))
		Label("column")
		v := YMM()
		VBROADCASTSS(Mem{Base: x}, v)
		for g, s := range sums {
			lo, hi := XMM(), XMM()
			for i, half := range []reg.VecVirtual{lo, hi} {
				VMOVSS(at(g, 4*i, 0), half)
				for j := 1; j < 4; j++ {
					VINSERTPS(U8(j<<4), at(g, 4*i+j, 0), half, half)
				}
			}
			VINSERTF128(U8(1), hi, lo.AsY(), lo.AsY())
			VFMADD231PS(lo.AsY(), v, s)
		}
		ADDQ(I8(4), x)
		for _, b := range base {
			ADDQ(I8(4), b)
		}
		DECQ(rest)
		JNZ(LabelRef("column"))
		Label("end")
		c := Load(Param("c"), GP64())
		for g, s := range sums {
			VMOVUPS(s, Mem{Base: c, Disp: 32 * g})
		}
		done()
	}
}

// packRows writes the copy of a block of a left operand that is used transposed, as high
// as the highest tile.
func (w width) packRows() {
	TEXT("packRows"+w.name, NOSPLIT, "func(dst, src *float32, k, lds int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("packRows%s copies k rows of %d columns, lds bytes apart, next to each other.", w.name, w.rows()))
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	k, lds := Load(Param("k"), GP64()), Load(Param("lds"), GP64())
	Label("row")
	at := 0
	for ; at+4 <= w.rows(); at += 4 {
		v := XMM()
		VMOVUPS(Mem{Base: src, Disp: 4 * at}, v)
		VMOVUPS(v, Mem{Base: dst, Disp: 4 * at})
	}
	for ; at < w.rows(); at += 2 {
		v := GP64()
		MOVQ(Mem{Base: src, Disp: 4 * at}, v)
		MOVQ(v, Mem{Base: dst, Disp: 4 * at})
	}
	ADDQ(lds, src)
	ADDQ(I8(4*w.rows()), dst)
	DECQ(k)
	JNZ(LabelRef("row"))
	done()
}

// sweepTerms is the number of rows of the right operand that sweep takes at a time.
const sweepTerms = 8

// sweep writes the product of a row with a matrix that is read from end to end, in the
// order in which it lies in memory, while the sums wait in the cache.
func (w width) sweep() {
	for _, terms := range []int{1, sweepTerms} {
		TEXT(fmt.Sprintf("sweep%d%s", terms, w.name), NOSPLIT, "func(c, a, b, in *float32, steps, n, ap, bp int)")
		Pragma("noescape")
		Doc(fmt.Sprintf("sweep%d%s continues n sums in, or 0 if nil, with %d terms in each step.", terms, w.name, terms))
		c, in := Load(Param("c"), GP64()), Load(Param("in"), GP64())
		bp := Load(Param("bp"), GP64())
		x := make([]reg.VecVirtual, terms)
		for p := range x {
			x[p] = w.vec()
		}
		pass := func(label string, from reg.Register) {
			a, ap := Load(Param("a"), GP64()), Load(Param("ap"), GP64())
			for p := range x {
				VBROADCASTSS(Mem{Base: a}, x[p])
				ADDQ(ap, a)
			}
			Store(a, Param("a"))
			n := Load(Param("n"), GP64())
			row := make([]reg.Register, (terms+2)/3)
			for i := range row {
				if i == 0 {
					row[i] = Load(Param("b"), GP64())
				} else {
					row[i] = GP64()
					LEAQ(Mem{Base: row[i-1], Index: bp, Scale: 2}, row[i])
					ADDQ(bp, row[i])
				}
			}
			w.loop(label, n, func(off reg.Register, ks []*mask) {
				for i, k := range ks {
					var s reg.VecVirtual
					if from == nil {
						s = w.zero()
					} else {
						s = w.load(w.at(from, off, i), k)
					}
					for p := range x {
						m := Mem{Base: row[p/3], Disp: i * w.bytes}
						if p%3 > 0 {
							m.Index, m.Scale = bp, uint8(p%3)
						}
						if k == nil {
							VFMADD231PS(m, x[p], s)
						} else {
							VFMADD231PS(w.load(m, k), x[p], s)
						}
					}
					w.store(s, w.at(c, off, i), k)
				}
				for _, r := range row {
					ADDQ(I8(4*group), r)
				}
			})
			b := Load(Param("b"), GP64())
			for range x {
				ADDQ(bp, b)
			}
			Store(b, Param("b"))
			steps := Load(Param("steps"), GP64())
			DECQ(steps)
			Store(steps, Param("steps"))
		}
		TESTQ(in, in)
		JNZ(LabelRef("from_memory"))
		pass("zero", nil)
		JZ(LabelRef("end"))
		MOVQ(c, in)
		Label("from_memory")
		pass("go_on", in)
		MOVQ(c, in)
		JNZ(LabelRef("from_memory"))
		Label("end")
		done()
	}
}

// pack writes the copy of a panel of a right operand, 16 columns at a time.
func (w width) pack() {
	TEXT("pack16AVX2", NOSPLIT, "func(dst, src *float32, k, lds, ldd, ahead int)")
	Pragma("noescape")
	Doc("pack16AVX2 copies k rows of 16 columns; the rows of src are lds bytes apart, those of",
		"dst ldd. It requests what lies ahead bytes behind each row: the panel after this one.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	k, lds, ldd := Load(Param("k"), GP64()), Load(Param("lds"), GP64()), Load(Param("ldd"), GP64())
	ahead := Load(Param("ahead"), GP64())
	Label("row")
	PREFETCHT1(Mem{Base: src, Index: ahead, Scale: 1})
	lo, hi := YMM(), YMM()
	VMOVUPS(Mem{Base: src}, lo)
	VMOVUPS(Mem{Base: src, Disp: 32}, hi)
	VMOVUPS(lo, Mem{Base: dst})
	VMOVUPS(hi, Mem{Base: dst, Disp: 32})
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(k)
	JNZ(LabelRef("row"))
	done()
}

// prefetch asks for the rows of a table that a list names.
func (w width) prefetch() {
	TEXT("prefetchAVX2", NOSPLIT, "func(base *float32, rows *int32, n, dim int)")
	Pragma("noescape")
	Doc("prefetchAVX2 requests the cache lines of n rows of dim elements.")
	base, rows := Load(Param("base"), GP64()), Load(Param("rows"), GP64())
	n, dim := Load(Param("n"), GP64()), Load(Param("dim"), GP64())
	SHLQ(U8(2), dim)
	Label("row")
	at, end := GP64(), GP64()
	MOVLQSX(Mem{Base: rows}, at)
	IMULQ(dim, at)
	ADDQ(base, at)
	LEAQ(Mem{Base: at, Index: dim, Scale: 1, Disp: -1}, end)
	Label("line")
	PREFETCHT0(Mem{Base: at})
	ADDQ(I8(64), at)
	CMPQ(at, end)
	JLS(LabelRef("line"))
	PREFETCHT0(Mem{Base: end})
	ADDQ(I8(4), rows)
	DECQ(n)
	JNZ(LabelRef("row"))
	RET()
}

// peakChains is the number of independent sums of peak: more than two units of latency
// four can take.
const peakChains = 12

// peak writes a loop of multiply-adds over registers alone.
func (w width) peak() {
	TEXT("peak"+w.name, NOSPLIT, "func(rounds int) float32")
	Doc("peak" + w.name + " runs rounds of multiply-adds that depend on no memory.")
	n := Load(Param("rounds"), GP64())
	x := w.zero()
	var sums [peakChains]reg.VecVirtual
	for i := range sums {
		sums[i] = w.zero()
	}
	Label("round")
	for _, s := range sums {
		VFMADD231PS(x, x, s)
	}
	DECQ(n)
	JNZ(LabelRef("round"))
	for _, s := range sums[1:] {
		VADDPS(s, sums[0], sums[0])
	}
	Store(sums[0].AsX(), ReturnIndex(0))
	done()
}
