package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reductions writes the folds over slices: 16 virtual lanes, then a tree.
func (w width) reductions() {
	add := func(x, acc Op) { VADDPS(x, acc, acc) }
	larger := func(x, acc Op) { VMAXPS(acc, x, acc) }

	TEXT("sum"+w.name, NOSPLIT, "func(a *float32, n int) float32")
	Pragma("noescape")
	w.reduce(w.zeros(), func(a reg.Register, off reg.Register, ks []*mask, acc []reg.VecVirtual) {
		for i, k := range ks {
			VADDPS(w.load(w.at(a, off, i), k), acc[i], acc[i])
		}
	}, add)

	TEXT("dot"+w.name, NOSPLIT, "func(a, b *float32, n int) float32")
	Pragma("noescape")
	b := Load(Param("b"), GP64())
	w.reduce(w.zeros(), func(a reg.Register, off reg.Register, ks []*mask, acc []reg.VecVirtual) {
		for i, k := range ks {
			VFMADD231PS(w.load(w.at(b, off, i), k), w.load(w.at(a, off, i), k), acc[i])
		}
	}, add)

	TEXT("finite"+w.name, NOSPLIT, "func(a *float32, n int) float32")
	Pragma("noescape")
	Doc("finite"+w.name+" returns 0 or -0 if all elements are finite, else a NaN: what 0 times each is,",
		"joined bit by bit.")
	zero := w.zero()
	or := func(x, acc Op) { VORPS(x, acc, acc) }
	w.reduce(w.zeros(), func(a reg.Register, off reg.Register, ks []*mask, acc []reg.VecVirtual) {
		for i, k := range ks {
			v := w.load(w.at(a, off, i), k)
			VMULPS(zero, v, v)
			or(v, acc[i])
		}
	}, or)

	TEXT("max"+w.name, NOSPLIT, "func(a *float32, n int) float32")
	Pragma("noescape")
	lowest := w.load(w.f(float32(math.Inf(-1))), nil)
	acc := w.zeros()
	for _, v := range acc {
		VMOVAPS(lowest, v)
	}
	w.reduce(acc, func(a reg.Register, off reg.Register, ks []*mask, acc []reg.VecVirtual) {
		for i, k := range ks {
			v := w.load(w.at(a, off, i), k)
			if k != nil {
				v = w.keep(k, v, lowest)
			}
			larger(v, acc[i])
		}
	}, larger)

	TEXT("expSum"+w.name, NOSPLIT, "func(dst, a *float32, shift float32, n int) float32")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	shift := w.vec()
	VBROADCASTSS(Load(Param("shift"), XMM()), shift)
	w.reduce(w.zeros(), func(a reg.Register, off reg.Register, ks []*mask, acc []reg.VecVirtual) {
		for i, k := range ks {
			v := w.load(w.at(a, off, i), k)
			VSUBPS(shift, v, v)
			v = w.exp(v)
			w.store(v, w.at(dst, off, i), k)
			if k != nil {
				v = w.keep(k, v, w.zero())
			}
			VADDPS(v, acc[i], acc[i])
		}
	}, add)

	w.sumSquares()
	if !w.wide() {
		w.norm()
	}
}

// norm writes the sum of squares in 64 lanes: in 16, each addition would wait for the one
// before.
func (w width) norm() {
	const groups = 4
	TEXT("square64AVX2", NOSPLIT, "func(a *float32, n int) float32")
	Pragma("noescape")
	Doc("square64AVX2 returns the sum of the squares of n elements, a multiple of 64, in 64 lanes.")
	a, n := Load(Param("a"), GP64()), Load(Param("n"), GP64())
	acc := make([]reg.VecVirtual, groups*w.parts())
	for i := range acc {
		acc[i] = w.zero()
	}
	SHRQ(U8(6), n)
	Label("group")
	for i := range acc {
		v := w.load(Mem{Base: a, Disp: i * w.bytes}, nil)
		VFMADD231PS(v, v, acc[i])
	}
	ADDQ(I32(4*groups*group), a)
	DECQ(n)
	JNZ(LabelRef("group"))
	for half := len(acc) / 2; half >= w.parts(); half /= 2 {
		for i := range half {
			VADDPS(acc[i+half], acc[i], acc[i])
		}
	}
	w.tree(acc[:w.parts()], func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(acc[0].AsX(), ReturnIndex(0))
	done()
}

// keep returns v inside the mask, other outside.
func (w width) keep(k *mask, v, other Op) reg.VecVirtual {
	r := w.vec()
	if w.wide() {
		VBLENDMPS(v, other, k.reg, r)
	} else {
		VBLENDVPS(k.reg, v, other, r)
	}
	return r
}

func (w width) zeros() []reg.VecVirtual {
	acc := make([]reg.VecVirtual, w.parts())
	for i := range acc {
		acc[i] = w.zero()
	}
	return acc
}

// reduce folds a slice and returns the result.
func (w width) reduce(acc []reg.VecVirtual, body func(a, off reg.Register, ks []*mask, acc []reg.VecVirtual), join func(x, acc Op)) {
	a := Load(Param("a"), GP64())
	w.loop("fold", Load(Param("n"), GP64()), func(off reg.Register, ks []*mask) { body(a, off, ks, acc) })
	w.tree(acc, join)
	Store(acc[0].AsX(), ReturnIndex(0))
	done()
}

// tree joins 16 lanes in the lowest lane of acc[0]: l with l+8, then l+4, l+2, l+1.
func (w width) tree(acc []reg.VecVirtual, join func(x, acc Op)) {
	y := acc[0].AsY()
	if w.wide() {
		join(w.upper(acc[0]), y)
	} else {
		join(acc[1], y)
	}
	h := XMM()
	VEXTRACTF128(U8(1), y, h)
	x := acc[0].AsX()
	join(h, x)
	VPERMILPS(U8(0x0e), x, h)
	join(h, x)
	VPERMILPS(U8(0x01), x, h)
	join(h, x)
}

// sumSquares writes the sum of squares in float64: 16 lanes again, in registers of half
// as many.
func (w width) sumSquares() {
	TEXT("sumSq"+w.name, NOSPLIT, "func(a *float32, n int) float64")
	Pragma("noescape")
	a := Load(Param("a"), GP64())
	acc := make([]reg.VecVirtual, 2*w.parts())
	for i := range acc {
		acc[i] = w.zero()
	}
	w.loop("fold", Load(Param("n"), GP64()), func(off reg.Register, ks []*mask) {
		for i, k := range ks {
			v := w.load(w.at(a, off, i), k)
			lo, hi := w.vec(), w.vec()
			VCVTPS2PD(w.lower(v), lo)
			VCVTPS2PD(w.upper(v), hi)
			VFMADD231PD(lo, lo, acc[2*i])
			VFMADD231PD(hi, hi, acc[2*i+1])
		}
	})
	for half := len(acc) / 2; half > 0; half /= 2 {
		for i := range half {
			VADDPD(acc[i+half], acc[i], acc[i])
		}
	}
	y := acc[0].AsY()
	if w.wide() {
		VADDPD(w.upper(acc[0]), y, y)
	}
	h, x := XMM(), acc[0].AsX()
	VEXTRACTF128(U8(1), y, h)
	VADDPD(h, x, x)
	VPERMILPD(U8(1), x, h)
	VADDSD(h, x, x)
	Store(x, ReturnIndex(0))
	done()
}
