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
		if !w.wide() {
			w.updateRows(kind)
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

// A stepper writes the arithmetic of one kind of update. A multiplication by 1, or with no
// decay, is skipped: the multipliers are what Adam waits for, while one of the two divides.
// Products and sums are rounded one by one: no fused multiply-add, but for the check that all
// that is written is finite.
type stepper struct {
	w       width
	kind    string
	penalty int
	u       reg.Register            // the address of the update
	at      map[string]reg.Register // addresses of what it reads and writes
	kept    map[string]reg.VecVirtual
	zero    reg.VecVirtual
	// What is checked: θ, which no infinite momentum leaves finite, and the sums of squares,
	// by which a step is divided. Each has a sum of its own, since additions take long, and θ
	// one for each part of a group where there is nothing else to wait for.
	bad    map[string][]reg.VecVirtual
	part   int
	labels int
}

// begins loads addresses and settings.
func (w width) begins(kind string, penalty int) *stepper {
	s := &stepper{w: w, kind: kind, penalty: penalty, u: Load(Param("u"), GP64()), at: map[string]reg.Register{}}
	used := map[string]bool{"dst": true, "theta": true, "grad": true}
	switch kind {
	case "adamW":
		used["m2"], used["m"], used["v2"], used["v"] = true, true, true, true
	case "momentum", "nesterov", "adagrad":
		used["v2"], used["v"] = true, true
	}
	used["anchor"] = penalty > 0
	used["importance"] = penalty == 2
	for i, p := range pointers {
		if used[p] {
			s.at[p] = GP64()
			MOVQ(Mem{Base: s.u, Disp: 8 * i}, s.at[p])
		}
	}
	s.zero = w.zero()
	switch kind {
	case "sgd":
		s.bad = map[string][]reg.VecVirtual{"dst": w.zeros()}
	case "adamW", "adagrad":
		s.bad = map[string][]reg.VecVirtual{"dst": {w.zero()}, "v2": {w.zero()}}
	default:
		s.bad = map[string][]reg.VecVirtual{"dst": {w.zero()}}
	}
	s.kept = map[string]reg.VecVirtual{}
	for _, name := range w.hoisted(kind) {
		s.kept[name] = s.setting(name)
	}
	return s
}

// setting returns a setting in every lane, from memory each time but for those that registers
// are left for. Where it is written to, as the strength is, it is no longer one of these.
func (s *stepper) setting(name string) reg.VecVirtual {
	if v := s.kept[name]; v != nil {
		return v
	}
	v := s.w.vec()
	VBROADCASTSS(Mem{Base: s.u, Disp: settingOffset(name)}, v)
	return v
}

// unless runs code where a setting has other bits than those that make it void.
func (s *stepper) unless(void uint32, name string, code func()) {
	s.labels++
	label := fmt.Sprintf("without_%s_%d", name, s.labels)
	CMPL(Mem{Base: s.u, Disp: settingOffset(name)}, U32(void))
	JEQ(LabelRef(label))
	code()
	Label(label)
}

// step takes the step for the elements that place finds; k masks them.
func (s *stepper) step(place func(p string) Mem, k *mask) {
	const one = 0x3f800000
	read := func(p string) reg.VecVirtual { return s.w.load(place(p), k) }
	write := func(v reg.VecVirtual, p string) {
		s.w.store(v, place(p), k)
		if s.bad[p] == nil {
			return
		}
		if k != nil {
			v = s.w.keep(k, v, s.zero)
		}
		bad := s.bad[p]
		VFMADD231PS(v, s.zero, bad[s.part%len(bad)])
	}
	theta, g := read("theta"), read("grad")
	if s.penalty > 0 {
		d := s.w.vec()
		VSUBPS(read("anchor"), theta, d)
		strength := s.setting("strength")
		if s.penalty == 2 {
			VMULPS(read("importance"), strength, strength)
		}
		VMULPS(strength, d, d)
		VADDPS(d, g, g)
	}
	s.unless(one, "scale", func() { VMULPS(s.setting("scale"), g, g) })
	step := g
	switch s.kind {
	case "sgd":
		VMULPS(s.setting("rate"), g, step)
	case "momentum", "nesterov":
		v := read("v")
		mu := s.setting("momentum")
		VMULPS(mu, v, v)
		VADDPS(g, v, v)
		write(v, "v2")
		if s.kind == "nesterov" {
			VMULPS(mu, v, v)
			VADDPS(v, g, v)
		}
		step = v
		VMULPS(s.setting("rate"), v, step)
	case "adamW":
		m, v := read("m"), read("v")
		t := s.w.vec()
		VMULPS(s.setting("beta1"), m, m)
		VMULPS(s.setting("new1"), g, t)
		VADDPS(t, m, m)
		VMULPS(s.setting("beta2"), v, v)
		VMULPS(g, g, g)
		VMULPS(s.setting("new2"), g, g)
		VADDPS(g, v, v)
		write(m, "m2")
		write(v, "v2")
		VMULPS(s.setting("correct1"), m, m)
		VMULPS(s.setting("correct2"), v, v)
		VSQRTPS(v, v)
		VADDPS(s.setting("epsilon"), v, v)
		VDIVPS(v, m, m)
		s.unless(0, "decay", func() {
			VMULPS(s.setting("decay"), theta, t)
			VADDPS(t, m, m)
		})
		VMULPS(s.setting("rate"), m, m)
		step = m
	case "adagrad":
		sum, t := read("v"), s.w.vec()
		VMULPS(g, g, t)
		VADDPS(t, sum, sum)
		write(sum, "v2")
		VSQRTPS(sum, sum)
		VADDPS(s.setting("epsilon"), sum, sum)
		VMULPS(s.setting("rate"), g, g)
		VDIVPS(sum, g, g)
		step = g
	}
	s.unless(one, "factor", func() { VMULPS(s.setting("factor"), step, step) })
	VSUBPS(step, theta, theta)
	write(theta, "dst")
}

// end returns what was found.
func (s *stepper) end() {
	acc := make([]reg.VecVirtual, s.w.parts())
	acc[0] = s.bad["dst"][0]
	for _, more := range append(s.bad["dst"][1:], s.bad["v2"]...) {
		VADDPS(more, acc[0], acc[0])
	}
	for i := 1; i < len(acc); i++ {
		acc[i] = s.zero
	}
	s.w.tree(acc, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(acc[0].AsX(), ReturnIndex(0))
	done()
}

// update writes one optimizer step.
func (w width) update(kind string, penalty int) {
	name := updateName(kind, penalty) + w.name
	TEXT(name, NOSPLIT, "func(u *byte) float32")
	Pragma("noescape")
	Doc(name + " returns 0 if all that it wrote is finite, else a NaN.")
	s := w.begins(kind, penalty)
	n := GP64()
	MOVQ(Mem{Base: s.u, Disp: lengthOffset}, n)
	w.registers("step", n, func(off reg.Register, ks []*mask) {
		for i, k := range ks {
			s.part = i
			s.step(func(p string) Mem { return w.at(s.at[p], off, i) }, k)
		}
	})
	s.end()
}

// updateRows writes a step for rows of tables, where they lie.
func (w width) updateRows(kind string) {
	name := kind + "RowsAVX2"
	TEXT(name, NOSPLIT, "func(u *byte, rows *int32, n int) float32")
	Pragma("noescape")
	Doc(name + " is the step for n rows of u.n elements, a multiple of 8, whose gradients lie one after the other.")
	s := w.begins(kind, 0)
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	bytes, off, left, grad := GP64(), GP64(), GP64(), s.at["grad"]
	MOVQ(Mem{Base: s.u, Disp: lengthOffset}, bytes)
	SHLQ(U8(2), bytes)
	Label("row")
	MOVLQSX(Mem{Base: rows}, off)
	IMULQ(bytes, off)
	MOVQ(bytes, left)
	Label("part")
	s.step(func(p string) Mem {
		if p == "grad" {
			return Mem{Base: grad}
		}
		return Mem{Base: s.at[p], Index: off, Scale: 1}
	}, nil)
	ADDQ(I8(32), grad)
	ADDQ(I8(32), off)
	SUBQ(I8(32), left)
	JNZ(LabelRef("part"))
	ADDQ(I8(4), rows)
	DECQ(n)
	JNZ(LabelRef("row"))
	s.end()
}
