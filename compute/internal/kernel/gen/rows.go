package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// takeRows writes the copy of rows of a table that a list names. A row is a multiple of 32 bytes.
func (w width) takeRows() {
	TEXT("takeRowsAVX2", NOSPLIT, "func(dst, table *float32, rows *int32, n, bytes int)")
	Pragma("noescape")
	Doc("takeRowsAVX2 copies n rows of a table to dst, one after the other; a row below 0 is zeros.")
	here, table := Load(Param("dst"), GP64()), Load(Param("table"), GP64())
	rows, n, bytes := Load(Param("rows"), GP64()), Load(Param("n"), GP64()), Load(Param("bytes"), GP64())
	there, left, v := GP64(), GP64(), YMM()
	pass := func(name string, code func()) {
		MOVQ(bytes, left)
		Label(name)
		code()
		ADDQ(I8(32), here)
		SUBQ(I8(32), left)
		JNZ(LabelRef(name))
	}
	Label("row")
	MOVLQSX(Mem{Base: rows}, there)
	TESTQ(there, there)
	JS(LabelRef("absent"))
	IMULQ(bytes, there)
	ADDQ(table, there)
	pass("part", func() {
		VMOVUPS(Mem{Base: there}, v)
		VMOVUPS(v, Mem{Base: here})
		ADDQ(I8(32), there)
	})
	Label("next")
	ADDQ(I8(4), rows)
	DECQ(n)
	JNZ(LabelRef("row"))
	done()
	Label("absent")
	pass("zeros", func() { VMOVUPS(w.zero(), Mem{Base: here}) })
	JMP(LabelRef("next"))
}

// takeColumns writes the copy of columns that a list names, which places counts: of each group of
// eight, those that are wanted move to the front of a register, by the last three bits of their
// numbers. Behind them it is overwritten by the next group, or the next row.
func (w width) takeColumns() {
	TEXT("takeColumnsAVX2", NOSPLIT, "func(dst, a *float32, list, places *int32, rows, groups, ldd, lda int)")
	Pragma("noescape")
	Doc("takeColumnsAVX2 copies, of groups of 8 columns, those that list names to dst. places counts those before",
		"each column. ldd and lda are in bytes. Up to 32 bytes behind dst are overwritten.")
	dst, a := Load(Param("dst"), GP64()), Load(Param("a"), GP64())
	list, places := Load(Param("list"), GP64()), Load(Param("places"), GP64())
	rows, groups := Load(Param("rows"), GP64()), Load(Param("groups"), GP64())
	ldd, lda := Load(Param("ldd"), GP64()), Load(Param("lda"), GP64())
	group, place, numbers, v := GP64(), GP64(), YMM(), YMM()
	SHLQ(U8(5), groups)
	Label("row")
	XORQ(group, group)
	Label("group")
	MOVLQSX(Mem{Base: places, Index: group, Scale: 1}, place)
	VMOVDQU(Mem{Base: list, Index: place, Scale: 4}, numbers)
	VPERMPS(Mem{Base: a, Index: group, Scale: 1}, numbers, v)
	VMOVUPS(v, Mem{Base: dst, Index: place, Scale: 4})
	ADDQ(I8(32), group)
	CMPQ(group, groups)
	JNE(LabelRef("group"))
	ADDQ(ldd, dst)
	ADDQ(lda, a)
	DECQ(rows)
	JNZ(LabelRef("row"))
	done()
}

// fours runs code for four elements at a time, and for each of the rest.
func fours(label string, n reg.Register, code func(count int)) {
	SUBQ(U8(4), n)
	JLT(LabelRef(label + "_few"))
	Label(label + "_four")
	code(4)
	SUBQ(U8(4), n)
	JGE(LabelRef(label + "_four"))
	Label(label + "_few")
	ADDQ(U8(4), n)
	JZ(LabelRef(label + "_out"))
	Label(label + "_one")
	code(1)
	DECQ(n)
	JNZ(LabelRef(label + "_one"))
	Label(label + "_out")
}
