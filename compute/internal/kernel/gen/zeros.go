package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// wordBits is how many terms of a row one machine word tells zeros of.
const wordBits = 64

// sparseVecs is the number of registers of the widest row of sums over terms that are not zero.
// AVX2 has room for two more beside a factor, but rows of them leave the first-level cache.
func (w width) sparseVecs() int {
	if w.wide() {
		return 8
	}
	return 13
}

// sparseRows writes a function for each number of registers:
//
//	c = in + Σ a[i ai + p ap] b[p bp + j]    over the terms p whose bit is set in words[i]
//
// Strides are in bytes. in is 0 if nil; its rows are ldin apart, which is 0 for a row that all
// share. The last register begins last bytes after the first, where it may overlap the one before
// it: both then hold the same sums. With relu not 0, c is at least 0.
func (w width) sparseRows() {
	for vecs := 1; vecs <= w.sparseVecs(); vecs++ {
		w.sparseRow(vecs)
	}
}

func (w width) sparseRow(vecs int) {
	name := fmt.Sprintf("sparse%d%s", vecs, w.name)
	TEXT(name, NOSPLIT, "func(c, a, b, in *float32, words *uint64, rows, ldc, ai, ap, bp, ldin, last, relu int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes rows of %d registers of columns from the terms that words name.", name, vecs))
	last := Load(Param("last"), GP64())
	at := func(base reg.Register, j int) Mem {
		if j == vecs-1 {
			return Mem{Base: base, Index: last, Scale: 1}
		}
		return Mem{Base: base, Disp: j * w.bytes}
	}
	c, a, b, in := Load(Param("c"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("in"), GP64())
	ap, bp, words := Load(Param("ap"), GP64()), Load(Param("bp"), GP64()), Load(Param("words"), GP64())
	sums := make([]reg.VecVirtual, vecs)
	for j := range sums {
		sums[j] = w.vec()
	}
	Label("row")
	TESTQ(in, in)
	JNZ(LabelRef("from_memory"))
	for _, v := range sums {
		w.clear(v)
	}
	JMP(LabelRef("begun"))
	Label("from_memory")
	for j, v := range sums {
		VMOVUPS(at(in, j), v)
	}
	ADDQ(Load(Param("ldin"), GP64()), in)
	Label("begun")
	word := GP64()
	MOVQ(Mem{Base: words}, word)
	TESTQ(word, word)
	JZ(LabelRef("summed"))
	Label("term")
	place, row := GP64(), GP64()
	TZCNTQ(word, place)
	MOVQ(place, row)
	IMULQ(ap, place)
	IMULQ(bp, row)
	ADDQ(b, row)
	x := w.vec()
	VBROADCASTSS(Mem{Base: a, Index: place, Scale: 1}, x)
	for j, v := range sums {
		VFMADD231PS(at(row, j), x, v)
	}
	BLSRQ(word, word)
	JNZ(LabelRef("term"))
	Label("summed")
	relu := Load(Param("relu"), GP64())
	TESTQ(relu, relu)
	JZ(LabelRef("store"))
	zero := w.zero()
	for _, v := range sums {
		VMAXPS(v, zero, v)
	}
	Label("store")
	for j, v := range sums {
		VMOVUPS(v, at(c, j))
	}
	ADDQ(Load(Param("ldc"), GP64()), c)
	ADDQ(Load(Param("ai"), GP64()), a)
	ADDQ(I8(8), words)
	rows := Load(Param("rows"), GP64())
	DECQ(rows)
	Store(rows, Param("rows"))
	JNZ(LabelRef("row"))
	done()
}

// nonzero writes what tells zeros apart: a word for each row, with a bit for each column.
func (w width) nonzero() {
	TEXT("nonzeroAVX2", NOSPLIT, "func(words *uint64, a *float32, rows, lda, cols int)")
	Pragma("noescape")
	Doc("nonzeroAVX2 sets bit j of word i where element i, j of a is not 0, which a NaN is not. a has up",
		"to 64 columns; its rows are lda bytes apart.")
	words, zero := Load(Param("words"), GP64()), w.zero()
	w.eachWord(func(v reg.VecVirtual) { VCMPPS(U8(notEqual), zero, v, v) }, func(word reg.GPVirtual) {
		MOVQ(word, Mem{Base: words})
		ADDQ(I8(8), words)
	})
	done()
}

// nonzeroColumns writes what tells zeros apart the other way round: a word for each column, with a bit
// for each row. From the last row on, a lane's bits move up, and one comes in where a comparison holds,
// which is -1.
func (w width) nonzeroColumns() {
	TEXT("nonzeroColumnsAVX2", NOSPLIT, "func(words *uint64, a *float32, rows, lda, cols int)")
	Pragma("noescape")
	Doc("nonzeroColumnsAVX2 sets bit i of word j where element i, j of a is not 0, which a NaN is not. a has up",
		"to 64 rows, which are lda bytes apart. It writes words for a multiple of 8 columns.")
	words, a := Load(Param("words"), GP64()), Load(Param("a"), GP64())
	rows, lda, cols := Load(Param("rows"), GP64()), Load(Param("lda"), GP64()), Load(Param("cols"), GP64())
	zero := w.zero()
	// Where rows begin that the upper half of a word tells of, or the last of all.
	lower, last := GP64(), GP64()
	MOVQ(U32(32), lower)
	CMPQ(rows, lower)
	CMOVQLT(rows, lower)
	MOVQ(rows, last)
	DECQ(last)
	IMULQ(lda, last)
	octets := func(name string, n int, k *mask) {
		var half [2][]reg.VecVirtual
		row, left := GP64(), GP64()
		LEAQ(Mem{Base: a, Index: last, Scale: 1}, row)
		for h := range half {
			for range n {
				half[h] = append(half[h], w.zero())
			}
			loop := fmt.Sprintf("%s_%d", name, h)
			if h == 0 {
				MOVQ(rows, left)
				SUBQ(lower, left)
				JZ(LabelRef(loop + "_end"))
			} else {
				MOVQ(lower, left)
			}
			Label(loop)
			PREFETCHT0(Mem{Base: row, Disp: 32 * n})
			for i, v := range half[h] {
				differs := w.vec()
				if from := (Mem{Base: row, Disp: 32 * i}); k == nil {
					VCMPPS(U8(notEqual), from, zero, differs)
				} else {
					VCMPPS(U8(notEqual), w.load(from, k), zero, differs)
				}
				VPADDD(v, v, v)
				VPSUBD(differs, v, v)
			}
			SUBQ(lda, row)
			DECQ(left)
			JNZ(LabelRef(loop))
			Label(loop + "_end")
		}
		for i := range n {
			low, high := w.vec(), w.vec()
			VPUNPCKLDQ(half[0][i], half[1][i], low)
			VPUNPCKHDQ(half[0][i], half[1][i], high)
			for j, v := range []reg.VecVirtual{low, high} {
				VMOVDQU(v.AsX(), Mem{Base: words, Disp: 64*i + 16*j})
				VEXTRACTI128(U8(1), v, Mem{Base: words, Disp: 64*i + 32 + 16*j})
			}
		}
		ADDQ(U8(32*n), a)
		ADDQ(I32(64*n), words)
	}
	Label("pairs")
	SUBQ(U8(16), cols)
	JLT(LabelRef("few"))
	octets("pair", 2, nil)
	JMP(LabelRef("pairs"))
	Label("few")
	ADDQ(U8(8), cols)
	JLT(LabelRef("rest"))
	octets("octet", 1, nil)
	SUBQ(U8(8), cols)
	Label("rest")
	ADDQ(U8(8), cols)
	JZ(LabelRef("end"))
	octets("part", 1, w.masks(cols, 1)[0])
	Label("end")
	done()
}

// equal writes the search for columns that hold one value throughout.
func (w width) equal() {
	TEXT("equalAVX2", NOSPLIT, "func(a *float32, rows, lda, cols int, value float32) uint64")
	Pragma("noescape")
	Doc("equalAVX2 returns a word of which bit j is set if all of column j of a has the bits of value. a",
		"has up to 64 columns, beyond which bits may be set; its rows are lda bytes apart.")
	value, all := w.everywhere("value"), GP64()
	MOVQ(I32(-1), all)
	w.eachWord(func(v reg.VecVirtual) { VPCMPEQD(value, v, v) }, func(word reg.GPVirtual) { ANDQ(word, all) })
	Store(all, ReturnIndex(0))
	done()
}

// eachWord runs use for each row of up to 64 columns, with the bits of compare.
func (w width) eachWord(compare func(v reg.VecVirtual), use func(word reg.GPVirtual)) {
	a, rows := Load(Param("a"), GP64()), Load(Param("rows"), GP64())
	lda, cols := Load(Param("lda"), GP64()), Load(Param("cols"), GP64())
	rest := GP64()
	MOVQ(cols, rest)
	ANDQ(I8(7), rest)
	tail := w.masks(rest, 1)[0]
	ANDQ(I8(-8), cols)
	Label("row")
	word, at := GP64(), reg.RCX
	CMPQ(cols, I8(wordBits))
	JNE(LabelRef("part"))
	for i := 0; i < wordBits; i += 8 {
		v, bits := w.load(Mem{Base: a, Disp: 4 * i}, nil), GP64()
		compare(v)
		if i == 0 {
			VMOVMSKPS(v, word.As32())
			continue
		}
		VMOVMSKPS(v, bits.As32())
		SHLQ(U8(i), bits)
		ORQ(bits, word)
	}
	JMP(LabelRef("told"))
	Label("part")
	XORQ(word, word)
	XORQ(at, at)
	add := func(v reg.VecVirtual) {
		bits := GP64()
		compare(v)
		VMOVMSKPS(v, bits.As32())
		SHLQ(reg.CL, bits)
		ORQ(bits, word)
	}
	CMPQ(at, cols)
	JEQ(LabelRef("tail"))
	Label("octet")
	add(w.load(Mem{Base: a, Index: at, Scale: 4}, nil))
	ADDQ(I8(8), at)
	CMPQ(at, cols)
	JNE(LabelRef("octet"))
	Label("tail")
	TESTQ(rest, rest)
	JZ(LabelRef("told"))
	add(w.load(Mem{Base: a, Index: at, Scale: 4}, tail))
	Label("told")
	use(word)
	ADDQ(lda, a)
	DECQ(rows)
	JNZ(LabelRef("row"))
}

// negativeZero writes the search for a -0.
func (w width) negativeZero() {
	TEXT("negativeZeroAVX2", NOSPLIT, "func(a *float32, n int) uint32")
	Pragma("noescape")
	Doc("negativeZeroAVX2 returns 0 if no element of a is -0.")
	found, minus := w.zero(), w.vec()
	VMOVUPS(bits(1<<31), minus)
	a := Load(Param("a"), GP64())
	w.loop("search", Load(Param("n"), GP64()), func(off reg.Register, ks []*mask) {
		for i, k := range ks {
			v := w.load(w.at(a, off, i), k)
			VPCMPEQD(v, minus, v)
			VPOR(v, found, found)
		}
	})
	any := GP32()
	VMOVMSKPS(found, any)
	Store(any, ReturnIndex(0))
	done()
}
