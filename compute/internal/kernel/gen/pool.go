package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pools writes what max pooling is made of: maps over the rows of matrices whose rows are
// any number of bytes apart.
func (w width) pools() {
	TEXT("maxRows"+w.name, NOSPLIT, "func(dst, a, b *float32, m, n, ldd, lda, ldb int)")
	Pragma("noescape")
	w.rowMap([]string{"dst", "a", "b"}, []string{"ldd", "lda", "ldb"}, func(p []reg.Register, off reg.Register, i int, k *mask) {
		a, b := w.load(w.at(p[1], off, i), k), w.load(w.at(p[2], off, i), k)
		VMAXPS(b, a, b)
		w.store(w.choose(unordered, a, a, a, b), w.at(p[0], off, i), k)
	})

	TEXT("routeRows"+w.name, NOSPLIT, "func(dst, rest, x, y *float32, m, n, ldd, ldr, ldx, ldy int)")
	Pragma("noescape")
	w.rowMap([]string{"dst", "rest", "x", "y"}, []string{"ldd", "ldr", "ldx", "ldy"}, func(p []reg.Register, off reg.Register, i int, k *mask) {
		dst, rest := w.load(w.at(p[0], off, i), k), w.load(w.at(p[1], off, i), k)
		x, y := w.load(w.at(p[2], off, i), k), w.load(w.at(p[3], off, i), k)
		zero := w.zero()
		VADDPS(w.choose(equal, x, y, rest, zero), dst, dst)
		w.store(dst, w.at(p[0], off, i), k)
		w.store(w.choose(equal, x, y, zero, rest), w.at(p[1], off, i), k)
	})
}

// rowMap writes a map over m rows of n elements. Strides are read where they are needed, for
// there are too many to hold.
func (w width) rowMap(names, strides []string, body func(p []reg.Register, off reg.Register, i int, k *mask)) {
	p := make([]reg.Register, len(names))
	for i, name := range names {
		p[i] = Load(Param(name), GP64())
	}
	m, n := Load(Param("m"), GP64()), Load(Param("n"), GP64())
	Label("row")
	w.loop("map", n, func(off reg.Register, ks []*mask) {
		for i, k := range ks {
			body(p, off, i, k)
		}
	})
	for i, name := range strides {
		ADDQ(Load(Param(name), GP64()), p[i])
	}
	DECQ(m)
	JNZ(LabelRef("row"))
	done()
}
