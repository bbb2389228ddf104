package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The maps over slices. Each body takes registers and returns the result, and may
// overwrite what it was given.
type (
	unaryMap struct {
		name string
		body func(w width, x reg.VecVirtual) reg.VecVirtual
	}
	binaryMap struct {
		name string
		// dst is the former content of dst, and nil unless reads.
		body  func(w width, dst, a, b reg.VecVirtual) reg.VecVirtual
		reads bool
	}
	scalarMap struct {
		name  string
		body  func(w width, dst, a, s reg.VecVirtual) reg.VecVirtual
		reads bool
	}
)

var unaryMaps = []unaryMap{
	{"reLU", func(w width, x reg.VecVirtual) reg.VecVirtual {
		VMAXPS(x, w.zero(), x)
		return x
	}},
	{"tanh", width.tanh},
	{"sigmoid", width.sigmoid},
	{"gELU", func(w width, x reg.VecVirtual) reg.VecVirtual {
		x2 := w.vec()
		VMULPS(x, x, x2)
		e := w.exp(w.gelu(x, x2))
		VADDPS(w.f(1), e, e)
		VDIVPS(e, x, x)
		return x
	}},
	{"exp", width.exp},
	{"log", width.log},
	{"sqrt", func(w width, x reg.VecVirtual) reg.VecVirtual {
		VSQRTPS(x, x)
		return x
	}},
	{"abs", func(w width, x reg.VecVirtual) reg.VecVirtual {
		VANDPS(bits(absBits), x, x)
		return x
	}},
	{"softplus", width.softplus},
}

var binaryMaps = []binaryMap{
	{name: "add", body: func(w width, _, a, b reg.VecVirtual) reg.VecVirtual { VADDPS(b, a, a); return a }},
	{name: "sub", body: func(w width, _, a, b reg.VecVirtual) reg.VecVirtual { VSUBPS(b, a, a); return a }},
	{name: "mul", body: func(w width, _, a, b reg.VecVirtual) reg.VecVirtual { VMULPS(b, a, a); return a }},
	{name: "div", body: func(w width, _, a, b reg.VecVirtual) reg.VecVirtual { VDIVPS(b, a, a); return a }},
	{name: "mulAdd", reads: true, body: func(w width, dst, a, b reg.VecVirtual) reg.VecVirtual {
		VFMADD231PS(a, b, dst)
		return dst
	}},
	{name: "reLUGrad", body: func(w width, _, dy, y reg.VecVirtual) reg.VecVirtual {
		zero := w.zero()
		return w.choose(greater, y, zero, dy, zero)
	}},
	{name: "tanhGrad", body: func(w width, _, dy, y reg.VecVirtual) reg.VecVirtual {
		s := w.load(w.f(1), nil)
		VFNMADD231PS(y, y, s)
		VMULPS(s, dy, dy)
		return dy
	}},
	{name: "sigmoidGrad", body: func(w width, _, dy, y reg.VecVirtual) reg.VecVirtual {
		s := w.copy(y)
		VFNMADD231PS(y, y, s)
		VMULPS(s, dy, dy)
		return dy
	}},
	{name: "gELUGrad", body: func(w width, _, dy, x reg.VecVirtual) reg.VecVirtual {
		VMINPS(x, w.load(w.f(16), nil), x)
		VMAXPS(x, w.load(w.f(-16), nil), x)
		x2 := w.vec()
		VMULPS(x, x, x2)
		e := w.exp(w.gelu(x, x2))
		VADDPS(w.f(1), e, e)
		s := w.load(w.f(1), nil)
		VDIVPS(e, s, s)
		d := w.load(w.f(geluD), nil)
		VFMADD213PS(w.f(gelu1), x2, d)
		VMULPS(d, x, d)
		t := w.copy(s)
		VFNMADD231PS(s, s, t)
		VFMADD213PS(s, d, t)
		VMULPS(t, dy, dy)
		return dy
	}},
}

var scalarMaps = []scalarMap{
	{name: "scale", body: func(w width, _, a, s reg.VecVirtual) reg.VecVirtual { VMULPS(s, a, a); return a }},
	{name: "shift", body: func(w width, _, a, s reg.VecVirtual) reg.VecVirtual { VADDPS(s, a, a); return a }},
	{name: "axpy", reads: true, body: func(w width, dst, a, s reg.VecVirtual) reg.VecVirtual {
		VFMADD231PS(a, s, dst)
		return dst
	}},
	{name: "floor", body: func(w width, _, a, s reg.VecVirtual) reg.VecVirtual { VMAXPS(a, s, a); return a }},
	{name: "ceil", body: func(w width, _, a, s reg.VecVirtual) reg.VecVirtual { VMINPS(a, s, a); return a }},
}

func (w width) copy(v reg.VecVirtual) reg.VecVirtual {
	c := w.vec()
	VMOVAPS(v, c)
	return c
}

func (w width) maps() {
	for _, m := range unaryMaps {
		TEXT(m.name+w.name, NOSPLIT, "func(dst, a *float32, n int)")
		Pragma("noescape")
		dst, a, n := Load(Param("dst"), GP64()), Load(Param("a"), GP64()), Load(Param("n"), GP64())
		if !w.wide() { // a store by a mask is slow to be read again
			CMPQ(n, U8(1))
			JNE(LabelRef("several"))
			x := w.vec()
			VMOVSS(Mem{Base: a}, x.AsX())
			VMOVSS(m.body(w, x).AsX(), Mem{Base: dst})
			JMP(LabelRef("map_end"))
			Label("several")
		}
		w.registers("map", n, func(off reg.Register, ks []*mask) {
			for i, k := range ks {
				w.store(m.body(w, w.load(w.at(a, off, i), k)), w.at(dst, off, i), k)
			}
		})
		done()
	}
	for _, m := range binaryMaps {
		TEXT(m.name+w.name, NOSPLIT, "func(dst, a, b *float32, n int)")
		Pragma("noescape")
		dst, a, b := Load(Param("dst"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
		w.registers("map", Load(Param("n"), GP64()), func(off reg.Register, ks []*mask) {
			for i, k := range ks {
				var old reg.VecVirtual
				if m.reads {
					old = w.load(w.at(dst, off, i), k)
				}
				w.store(m.body(w, old, w.load(w.at(a, off, i), k), w.load(w.at(b, off, i), k)), w.at(dst, off, i), k)
			}
		})
		done()
	}
	for _, m := range scalarMaps {
		TEXT(m.name+w.name, NOSPLIT, "func(dst, a *float32, s float32, n int)")
		Pragma("noescape")
		dst, a := Load(Param("dst"), GP64()), Load(Param("a"), GP64())
		s := w.vec()
		x := Load(Param("s"), XMM())
		VBROADCASTSS(x, s)
		w.registers("map", Load(Param("n"), GP64()), func(off reg.Register, ks []*mask) {
			for i, k := range ks {
				var old reg.VecVirtual
				if m.reads {
					old = w.load(w.at(dst, off, i), k)
				}
				w.store(m.body(w, old, w.load(w.at(a, off, i), k), s), w.at(dst, off, i), k)
			}
		})
		done()
	}
	w.rowMaps()
}

// rowMaps writes what works on the rows of a matrix.
func (w width) rowMaps() {
	TEXT("addRow"+w.name, NOSPLIT, "func(dst, row *float32, m, n, ldd int)")
	Pragma("noescape")
	dst, row := Load(Param("dst"), GP64()), Load(Param("row"), GP64())
	m, n, ldd := Load(Param("m"), GP64()), Load(Param("n"), GP64()), Load(Param("ldd"), GP64())
	SHLQ(U8(2), ldd)
	Label("row")
	w.loop("map", n, func(off reg.Register, ks []*mask) {
		for i, k := range ks {
			v := w.load(w.at(dst, off, i), k)
			VADDPS(w.load(w.at(row, off, i), k), v, v)
			w.store(v, w.at(dst, off, i), k)
		}
	})
	ADDQ(ldd, dst)
	DECQ(m)
	JNZ(LabelRef("row"))
	done()

	TEXT("colSum"+w.name, NOSPLIT, "func(dst, a *float32, m, n, lda int, acc bool)")
	Pragma("noescape")
	dst, a := Load(Param("dst"), GP64()), Load(Param("a"), GP64())
	m, n, lda := Load(Param("m"), GP64()), Load(Param("n"), GP64()), Load(Param("lda"), GP64())
	SHLQ(U8(2), lda)
	set := GP64()
	acc := Load(Param("acc"), GP64().As8())
	MOVBQZX(acc, set)
	w.loop("cols", n, func(off reg.Register, ks []*mask) {
		label := "whole"
		if ks[0] != nil {
			label = "part"
		}
		sums := make([]reg.VecVirtual, len(ks))
		for i := range ks {
			sums[i] = w.zero()
		}
		TESTQ(set, set)
		JZ(LabelRef(label + "_begun"))
		for i, k := range ks {
			w.loadTo(w.at(dst, off, i), k, sums[i])
		}
		Label(label + "_begun")
		p, left := GP64(), GP64()
		LEAQ(Mem{Base: a, Index: off, Scale: 1}, p)
		MOVQ(m, left)
		Label(label + "_rows")
		for i, k := range ks {
			VADDPS(w.load(Mem{Base: p, Disp: i * w.bytes}, k), sums[i], sums[i])
		}
		ADDQ(lda, p)
		DECQ(left)
		JNZ(LabelRef(label + "_rows"))
		for i, k := range ks {
			w.store(sums[i], w.at(dst, off, i), k)
		}
	})
	done()
}
