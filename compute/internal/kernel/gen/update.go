package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The kinds of update, in the order of package kernel.
var updateKinds = []string{"sgd", "momentum", "nesterov", "adamW", "adagrad"}

func updateName(kind string, penalty int) string {
	return kind + []string{"", "Anchor", "Importance"}[penalty]
}

// The offsets of kernel.update, which a test of that package holds.
var (
	pointers = []string{"dst", "theta", "grad", "m2", "m", "v2", "v", "importance", "anchor"}
	settings = []string{
		"rate", "scale", "factor", "strength", "momentum",
		"beta1", "new1", "correct1", "beta2", "new2", "correct2", "epsilon", "decay", "perAlpha",
	}
)

const lengthOffset = 9 * 8

func settingOffset(name string) int {
	for i, s := range settings {
		if s == name {
			return lengthOffset + 8 + 4*i
		}
	}
	panic("no setting " + name)
}

func (w width) updates() {
	for _, kind := range updateKinds {
		for penalty := range 3 {
			w.update(kind, penalty)
		}
	}
}

// hoisted lists the settings that stay in registers, in a kind of update.
func (w width) hoisted(kind string) []string {
	if kind == "adamW" {
		if w.wide() {
			return []string{"beta1", "new1", "beta2", "new2", "correct1", "correct2", "epsilon", "rate"}
		}
		return []string{"beta1", "new1", "beta2", "new2"}
	}
	return []string{"rate"}
}

// update writes one optimizer step. A multiplication by 1, or with no decay, is skipped: the
// multipliers are what Adam waits for, while one of the two divides. Products and sums are rounded one by one: no fused
// multiply-add, but for the check that all that is written is finite.
func (w width) update(kind string, penalty int) {
	name := updateName(kind, penalty) + w.name
	TEXT(name, NOSPLIT, "func(u *byte) float32")
	Pragma("noescape")
	Doc(name + " returns 0 if all that it wrote is finite, else a NaN.")
	u := Load(Param("u"), GP64())
	used := map[string]bool{"dst": true, "theta": true, "grad": true}
	switch kind {
	case "adamW":
		used["m2"], used["m"], used["v2"], used["v"] = true, true, true, true
	case "momentum", "nesterov", "adagrad":
		used["v2"], used["v"] = true, true
	}
	used["anchor"] = penalty > 0
	used["importance"] = penalty == 2
	at := map[string]reg.Register{}
	for i, p := range pointers {
		if used[p] {
			at[p] = GP64()
			MOVQ(Mem{Base: u, Disp: 8 * i}, at[p])
		}
	}
	n := GP64()
	MOVQ(Mem{Base: u, Disp: lengthOffset}, n)
	// Settings come from memory each time, but for those that registers are left for. Where
	// a setting is written to, as the strength is, it is no longer one of these.
	kept := map[string]reg.VecVirtual{}
	setting := func(name string) reg.VecVirtual {
		if v := kept[name]; v != nil {
			return v
		}
		v := w.vec()
		VBROADCASTSS(Mem{Base: u, Disp: settingOffset(name)}, v)
		return v
	}
	// What is checked: θ, which no infinite momentum leaves finite, and the sums of squares,
	// by which a step is divided. Each has a sum of its own, since additions take long.
	labels := 0
	// unless runs code where a setting has other bits than those that make it void.
	unless := func(void uint32, name string, code func()) {
		labels++
		label := fmt.Sprintf("without_%s_%d", name, labels)
		CMPL(Mem{Base: u, Disp: settingOffset(name)}, U32(void))
		JEQ(LabelRef(label))
		code()
		Label(label)
	}
	const one = 0x3f800000
	zero := w.zero()
	bad := map[string]reg.VecVirtual{"dst": w.zero()}
	if kind == "adamW" || kind == "adagrad" {
		bad["v2"] = w.zero()
	}
	for _, name := range w.hoisted(kind) {
		kept[name] = setting(name)
	}
	w.loop("step", n, func(off reg.Register, ks []*mask) {
		for i, k := range ks {
			read := func(p string) reg.VecVirtual { return w.load(w.at(at[p], off, i), k) }
			write := func(v reg.VecVirtual, p string) {
				w.store(v, w.at(at[p], off, i), k)
				if bad[p] == nil {
					return
				}
				if k != nil {
					v = w.keep(k, v, zero)
				}
				VFMADD231PS(v, zero, bad[p])
			}
			theta, g := read("theta"), read("grad")
			if penalty > 0 {
				d := w.vec()
				VSUBPS(read("anchor"), theta, d)
				s := setting("strength")
				if penalty == 2 {
					VMULPS(read("importance"), s, s)
				}
				VMULPS(s, d, d)
				VADDPS(d, g, g)
			}
			unless(one, "scale", func() { VMULPS(setting("scale"), g, g) })
			step := g
			switch kind {
			case "sgd":
				VMULPS(setting("rate"), g, step)
			case "momentum", "nesterov":
				v := read("v")
				mu := setting("momentum")
				VMULPS(mu, v, v)
				VADDPS(g, v, v)
				write(v, "v2")
				if kind == "nesterov" {
					VMULPS(mu, v, v)
					VADDPS(v, g, v)
				}
				step = v
				VMULPS(setting("rate"), v, step)
			case "adamW":
				m, v := read("m"), read("v")
				t := w.vec()
				VMULPS(setting("beta1"), m, m)
				VMULPS(setting("new1"), g, t)
				VADDPS(t, m, m)
				VMULPS(setting("beta2"), v, v)
				VMULPS(g, g, g)
				VMULPS(setting("new2"), g, g)
				VADDPS(g, v, v)
				write(m, "m2")
				write(v, "v2")
				VMULPS(setting("correct1"), m, m)
				VMULPS(setting("correct2"), v, v)
				VSQRTPS(v, v)
				VADDPS(setting("epsilon"), v, v)
				VDIVPS(v, m, m)
				unless(0, "decay", func() {
					VMULPS(setting("decay"), theta, t)
					VADDPS(t, m, m)
				})
				VMULPS(setting("rate"), m, m)
				step = m
			case "adagrad":
				s, t := read("v"), w.vec()
				VMULPS(g, g, t)
				VADDPS(t, s, s)
				write(s, "v2")
				VSQRTPS(s, s)
				VADDPS(setting("epsilon"), s, s)
				VMULPS(setting("rate"), g, g)
				VDIVPS(s, g, g)
				step = g
			}
			unless(one, "factor", func() { VMULPS(setting("factor"), step, step) })
			VSUBPS(step, theta, theta)
			write(theta, "dst")
		}
	})
	acc := make([]reg.VecVirtual, w.parts())
	acc[0] = bad["dst"]
	if bad["v2"] != nil {
		VADDPS(bad["v2"], acc[0], acc[0])
	}
	for i := 1; i < len(acc); i++ {
		acc[i] = zero
	}
	w.tree(acc, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(acc[0].AsX(), ReturnIndex(0))
	done()
}
