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
			g, square := read("grad"), w.vec()
			VMULPS(setting("scale"), g, g)
			squares := read("v")
			root, old := w.vec(), w.vec()
			VSQRTPS(squares, old)
			VMULPS(g, g, square)
			VADDPS(square, squares, squares)
			write(squares, "v")
			VSQRTPS(squares, root)
			theta, z := read("theta"), read("m")
			VSUBPS(old, root, old)
			VMULPS(perAlpha, old, old)
			VMULPS(theta, old, old)
			VADDPS(g, z, z)
			VSUBPS(old, z, z)
			write(z, "m")
			// z less λ1 with its sign, and with the other sign
			l1, short := setting("strength"), w.vec()
			VANDPS(bits(signBits), z, short)
			VORPS(l1, short, short)
			VSUBPS(short, z, short)
			VXORPS(bits(signBits), short, short)
			VADDPS(setting("beta1"), root, root)
			VMULPS(perAlpha, root, root)
			VADDPS(setting("decay"), root, root)
			VDIVPS(root, short, short)
			VANDPS(bits(absBits), z, z)
			short = w.choose(notGreater, z, l1, zero, short)
			VSUBPS(short, theta, short)
			VSUBPS(short, theta, theta)
			write(theta, "theta")
		}
	})
	w.tree(bad, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(bad[0].AsX(), ReturnIndex(0))
	done()
}
