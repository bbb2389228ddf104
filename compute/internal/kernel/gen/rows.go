package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// copyRows writes the copies of rows that a list names, out of a table and into it. A row is
// a multiple of 32 bytes.
func (w width) copyRows() {
	TEXT("takeRowsAVX2", NOSPLIT, "func(dst, table *float32, rows *int32, n, bytes int)")
	Pragma("noescape")
	Doc("takeRowsAVX2 copies n rows of a table to dst, one after the other; a row below 0 is zeros.")
	w.eachRow("dst", func(near, far Mem) {
		v := YMM()
		VMOVUPS(far, v)
		VMOVUPS(v, near)
	}, func(near Mem) {
		VMOVUPS(w.zero(), near)
	})

	TEXT("putRowsAVX2", NOSPLIT, "func(table, src *float32, rows *int32, n, bytes int)")
	Pragma("noescape")
	Doc("putRowsAVX2 copies n rows of src, one after the other, to those of a table; none is below 0.")
	w.eachRow("src", func(near, far Mem) {
		v := YMM()
		VMOVUPS(near, v)
		VMOVUPS(v, far)
	}, nil)
}

// eachRow runs code for each 32 bytes of each row: near is in the parameter of that name, far
// in the table. Without absent no row is below 0.
func (w width) eachRow(near string, code func(near, far Mem), absent func(near Mem)) {
	here, table := Load(Param(near), GP64()), Load(Param("table"), GP64())
	rows, n, bytes := Load(Param("rows"), GP64()), Load(Param("n"), GP64()), Load(Param("bytes"), GP64())
	there, left := GP64(), GP64()
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
	if absent != nil {
		TESTQ(there, there)
		JS(LabelRef("absent"))
	}
	IMULQ(bytes, there)
	ADDQ(table, there)
	pass("part", func() {
		code(Mem{Base: here}, Mem{Base: there})
		ADDQ(I8(32), there)
	})
	Label("next")
	ADDQ(I8(4), rows)
	DECQ(n)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
	if absent != nil {
		Label("absent")
		pass("zeros", func() { absent(Mem{Base: here}) })
		JMP(LabelRef("next"))
	}
}

// fours runs code for four elements at a time, and for each of the rest.
func fours(n reg.Register, code func(count int)) {
	SUBQ(U8(4), n)
	JLT(LabelRef("few"))
	Label("four")
	code(4)
	SUBQ(U8(4), n)
	JGE(LabelRef("four"))
	Label("few")
	ADDQ(U8(4), n)
	JZ(LabelRef("out"))
	Label("one")
	code(1)
	DECQ(n)
	JNZ(LabelRef("one"))
	Label("out")
}
