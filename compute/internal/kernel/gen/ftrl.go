package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ftrl writes one step of FTRL, whose z and n are m and v of kernel.update. Products and sums
// are rounded one by one.
func (w width) ftrl() {
	TEXT("ftrl"+w.name, NOSPLIT, "func(u *byte) float32")
	Pragma("noescape")
	Doc("ftrl" + w.name + " returns 0 if all that it wrote is finite, else a NaN.")
	u := Load(Param("u"), GP64())
	at := map[string]reg.Register{}
	for i, p := range pointers {
		if p == "theta" || p == "grad" || p == "m" || p == "v" {
			at[p] = GP64()
			MOVQ(Mem{Base: u, Disp: 8 * i}, at[p])
		}
	}
	n := GP64()
	MOVQ(Mem{Base: u, Disp: lengthOffset}, n)
	setting := func(name string) reg.VecVirtual {
		v := w.vec()
		VBROADCASTSS(Mem{Base: u, Disp: settingOffset(name)}, v)
		return v
	}
	zero, bad := w.zero(), w.zeros()
	perAlpha := setting("perAlpha")
	w.registers("step", n, func(off reg.Register, ks []*mask) {
		for i, k := range ks {
			read := func(p string) reg.VecVirtual { return w.load(w.at(at[p], off, i), k) }
			write := func(v reg.VecVirtual, p string) {
				w.store(v, w.at(at[p], off, i), k)
				if k != nil {
					v = w.keep(k, v, zero)
				}
				VFMADD231PS(v, zero, bad[i])
			}
			theta, z, n := read("theta"), read("m"), read("v")
			theta, z, n = w.ftrlStep(u, read("grad"), theta, z, n, perAlpha)
			write(n, "v")
			write(z, "m")
			write(theta, "theta")
		}
	})
	w.tree(bad, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(bad[0].AsX(), ReturnIndex(0))
	done()
}

// ftrlStep returns what follows upon θ, z and n for a gradient, which it overwrites.
func (w width) ftrlStep(u reg.Register, g, theta, z, n, perAlpha reg.VecVirtual) (theta2, z2, n2 reg.VecVirtual) {
	setting := func(name string) reg.VecVirtual {
		v := w.vec()
		VBROADCASTSS(Mem{Base: u, Disp: settingOffset(name)}, v)
		return v
	}
	VMULPS(setting("scale"), g, g)
	root, old, square := w.vec(), w.vec(), w.vec()
	VSQRTPS(n, old)
	VMULPS(g, g, square)
	VADDPS(square, n, n)
	VSQRTPS(n, root)
	VSUBPS(old, root, old)
	VMULPS(perAlpha, old, old)
	VMULPS(theta, old, old)
	VADDPS(g, z, z)
	VSUBPS(old, z, z)
	// z less λ1 with its sign, and with the other sign
	l1, short, size := setting("strength"), w.vec(), w.vec()
	VANDPS(bits(signBits), z, short)
	VORPS(l1, short, short)
	VSUBPS(short, z, short)
	VXORPS(bits(signBits), short, short)
	VADDPS(setting("beta1"), root, root)
	VMULPS(perAlpha, root, root)
	VADDPS(setting("decay"), root, root)
	VDIVPS(root, short, short)
	VANDPS(bits(absBits), z, size)
	short = w.choose(notGreater, size, l1, w.zero(), short)
	VSUBPS(short, theta, short)
	VSUBPS(short, theta, theta)
	return theta, z, n
}

// ftrlPairs writes FTRL, of whose state the two values of a row are neighbours.
func (w width) ftrlPairs() {
	TEXT("ftrlPairsAVX2", NOSPLIT, "func(u *byte, rows *int32, n int) float32")
	Pragma("noescape")
	Doc("ftrlPairsAVX2 is the step for n rows of one element, n a multiple of 8 above 0, whose z and n are neighbours from u.m on.")
	u := Load(Param("u"), GP64())
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	at := map[string]reg.Register{}
	for i, p := range pointers {
		if p == "theta" || p == "grad" || p == "m" {
			at[p] = GP64()
			MOVQ(Mem{Base: u, Disp: 8 * i}, at[p])
		}
	}
	perAlpha, zero, bad := w.vec(), w.zero(), w.zeros()
	VBROADCASTSS(Mem{Base: u, Disp: settingOffset("perAlpha")}, perAlpha)
	eight := lanes8{rows}
	Label("eight")
	theta := eight.gather(at["theta"])
	z, squares := eight.gatherPairs(at["m"])
	theta, z, squares = w.ftrlStep(u, w.load(Mem{Base: at["grad"]}, nil), theta, z, squares, perAlpha)
	for i, v := range []reg.VecVirtual{theta, z, squares} {
		VFMADD231PS(v, zero, bad[i%len(bad)])
	}
	eight.scatterPairs(z, squares, at["m"])
	eight.scatter(theta, at["theta"])
	ADDQ(I8(32), rows)
	ADDQ(I8(32), at["grad"])
	SUBQ(U8(8), n)
	JNZ(LabelRef("eight"))
	w.tree(bad, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(bad[0].AsX(), ReturnIndex(0))
	done()
}
