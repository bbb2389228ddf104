package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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

// packColumns writes the copy of a block of a left operand, as high as the highest tile, in the
// order in which it is read: rows become columns. The columns of 8 rows that AVX2 makes of its
// 6 are stored as a whole, and the next one overwrites what is too much.
func (w width) packColumns() {
	rows := w.rows()
	TEXT("packColumns"+w.name, NOSPLIT, "func(dst, src *float32, k, lds int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("packColumns%s writes %d rows of src, k long and lds bytes apart, as columns of dst, next", w.name, rows),
		"to each other. It overwrites up to 8 bytes behind them.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	k, lds := Load(Param("k"), GP64()), Load(Param("lds"), GP64())
	base := []reg.Register{src}
	for i := 3; i < rows; i += 3 {
		p := GP64()
		LEAQ(Mem{Base: base[len(base)-1], Index: lds, Scale: 2}, p)
		ADDQ(lds, p)
		base = append(base, p)
	}
	at := func(i, disp int) Mem {
		m := Mem{Base: base[i/3], Disp: disp}
		if i%3 > 0 {
			m.Index, m.Scale = lds, uint8(i%3)
		}
		return m
	}
	rest := GP64()
	MOVQ(k, rest)
	ANDQ(I8(7), rest)
	SHRQ(U8(3), k)
	JZ(LabelRef("tail"))
	Label("block")
	low, high := newSquare(), newSquare()
	for half := range 2 {
		out := low.transposed(func(i int, v reg.VecVirtual) {
			VMOVUPS(at(i, 16*half), v.AsX())
			if i+4 < rows {
				VINSERTF128(U8(1), at(i+4, 16*half), v, v)
			}
		})
		for p, v := range out {
			VMOVUPS(v, Mem{Base: dst, Disp: 4 * rows * (4*half + p)})
		}
		if rows == 12 {
			out := high.transposed(func(i int, v reg.VecVirtual) { VMOVUPS(at(8+i, 16*half), v.AsX()) })
			for p, v := range out {
				VMOVUPS(v.AsX(), Mem{Base: dst, Disp: 4*rows*(4*half+p) + 32})
			}
		}
	}
	for _, p := range base {
		ADDQ(I8(32), p)
	}
	ADDQ(I32(32*rows), dst)
	DECQ(k)
	JNZ(LabelRef("block"))
	Label("tail")
	TESTQ(rest, rest)
	JZ(LabelRef("end"))
	Label("column")
	x := GP32()
	for i := range rows {
		MOVL(at(i, 0), x)
		MOVL(x, Mem{Base: dst, Disp: 4 * i})
	}
	for _, p := range base {
		ADDQ(I8(4), p)
	}
	ADDQ(I8(4*rows), dst)
	DECQ(rest)
	JNZ(LabelRef("column"))
	Label("end")
	done()
}

// packedTiles is how many tiles packRows takes at a time, as a rule.
const packedTiles = 8

// packRows writes the copy of blocks of a left operand that is used transposed, each as high as
// the highest tile.
func (w width) packRows() {
	rows := w.rows()
	TEXT("packRows"+w.name, NOSPLIT, "func(dst, src *float32, k, lds, tiles, apart int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("packRows%s copies tiles blocks of %d columns of k rows, which are lds bytes apart, to places", w.name, rows),
		"that are apart bytes apart, and the rows of each next to each other.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	k, lds := Load(Param("k"), GP64()), Load(Param("lds"), GP64())
	tiles, apart := Load(Param("tiles"), GP64()), Load(Param("apart"), GP64())
	Label("row")
	for line := range packedTiles * 4 * rows / 64 {
		PREFETCHT0(Mem{Base: src, Index: lds, Scale: 8, Disp: 64 * line})
	}
	from, to, n := GP64(), GP64(), GP64()
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(tiles, n)
	Label("tile")
	// In pieces of 16 bytes fewer cross a cache line than in larger ones.
	at := 0
	for ; at+4 <= rows; at += 4 {
		v := XMM()
		VMOVUPS(Mem{Base: from, Disp: 4 * at}, v)
		VMOVUPS(v, Mem{Base: to, Disp: 4 * at})
	}
	for ; at < rows; at += 2 {
		v := GP64()
		MOVQ(Mem{Base: from, Disp: 4 * at}, v)
		MOVQ(v, Mem{Base: to, Disp: 4 * at})
	}
	ADDQ(I8(4*rows), from)
	ADDQ(apart, to)
	DECQ(n)
	JNZ(LabelRef("tile"))
	ADDQ(lds, src)
	ADDQ(I8(4*rows), dst)
	DECQ(k)
	JNZ(LabelRef("row"))
	done()
}

// packPanels writes the copy of adjacent panels of a right operand, each as wide as the highest
// tile: row by row, since the rows of one panel alone would each be a cache line and often a
// page of their own.
func (w width) packPanels() {
	TEXT("packPanels"+w.name, NOSPLIT, "func(dst, src *float32, k, lds, panels int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("packPanels%s copies k rows of panels of %d columns, lds bytes apart, to panels one after", w.name, 2*w.lanes()),
		"the other.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	k, lds := Load(Param("k"), GP64()), Load(Param("lds"), GP64())
	panels, apart := Load(Param("panels"), GP64()), GP64()
	IMUL3Q(I32(2*w.bytes), k, apart)
	Label("row")
	from, to, n := GP64(), GP64(), GP64()
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(panels, n)
	Label("panel")
	lo, hi := w.load(Mem{Base: from}, nil), w.load(Mem{Base: from, Disp: w.bytes}, nil)
	VMOVUPS(lo, Mem{Base: to})
	VMOVUPS(hi, Mem{Base: to, Disp: w.bytes})
	ADDQ(I32(2*w.bytes), from)
	ADDQ(apart, to)
	DECQ(n)
	JNZ(LabelRef("panel"))
	ADDQ(lds, src)
	ADDQ(I32(2*w.bytes), dst)
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
	at, end := GP64(), GP64()
	// A row of one or two elements is in one line.
	for few := 1; few <= 2; few++ {
		more := fmt.Sprintf("above_%d", few)
		CMPQ(dim, U8(few))
		JNE(LabelRef(more))
		fours(fmt.Sprintf("of_%d", few), n, func(count int) {
			for i := range count {
				at := GP64()
				MOVLQSX(Mem{Base: rows, Disp: 4 * i}, at)
				PREFETCHT0(Mem{Base: base, Index: at, Scale: uint8(4 * few)})
			}
			ADDQ(I8(4*count), rows)
		})
		RET()
		Label(more)
	}
	SHLQ(U8(2), dim)
	Label("row")
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
