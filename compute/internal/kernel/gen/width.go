package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// group is the number of elements that a loop over a slice takes at a time: the virtual
// lanes of a reduction. It is two registers of AVX2 or one of AVX-512.
const group = 16

// A width is a family of vector registers.
type width struct {
	name  string
	bytes int
}

func (w width) lanes() int { return w.bytes / 4 }

// parts is the number of registers of a group.
func (w width) parts() int { return 4 * group / w.bytes }

func (w width) wide() bool { return w.bytes == 64 }

// vec returns a new register.
func (w width) vec() reg.VecVirtual {
	if w.wide() {
		return ZMM()
	}
	return YMM()
}

// zero returns a register that holds 0.
func (w width) zero() reg.VecVirtual {
	v := w.vec()
	w.clear(v)
	return v
}

func (w width) clear(v Op) { VXORPS(v, v, v) }

// A mask keeps the first lanes of a register: a vector of AVX2, a mask register of
// AVX-512. A nil mask keeps all.
type mask struct{ reg Op }

// masks returns the masks of the parts of a group of which n elements exist.
func (w width) masks(n reg.Register, parts int) []*mask {
	if w.wide() {
		var ms []*mask
		bits := GP32()
		MOVL(I32(-1), bits)
		BZHIL(n.(reg.GP).As32(), bits, bits)
		for i := range parts {
			k := K()
			if i > 0 {
				SHRL(U8(16), bits)
			}
			KMOVW(bits, k)
			ms = append(ms, &mask{k})
		}
		return ms
	}
	// The table is 16 times -1, 16 times 0: reading from 4 (16-n) on gives n times -1.
	table := constants("lanes", func() {
		for i := range 2 * group {
			v := uint32(0)
			if i < group {
				v = 0xffffffff
			}
			DATA(4*i, U32(v))
		}
	})
	at, off := GP64(), GP64()
	LEAQ(table, at)
	MOVQ(I32(group), off)
	SUBQ(n, off)
	var ms []*mask
	for i := range parts {
		y := YMM()
		VMOVUPS(Mem{Base: at, Index: off, Scale: 4, Disp: i * w.bytes}, y)
		ms = append(ms, &mask{y})
	}
	return ms
}

// load reads a register; lanes outside the mask are 0 and are not touched in memory.
func (w width) load(m Mem, k *mask) reg.VecVirtual {
	v := w.vec()
	w.loadTo(m, k, v)
	return v
}

func (w width) loadTo(m Mem, k *mask, v Op) {
	switch {
	case k == nil:
		VMOVUPS(m, v)
	case w.wide():
		VMOVUPS_Z(m, k.reg, v)
	default:
		VMASKMOVPS(m, k.reg, v)
	}
}

// everywhere returns a float32 parameter in every lane.
func (w width) everywhere(name string) reg.VecVirtual {
	at, err := Param(name).Resolve()
	if err != nil {
		fail(err)
	}
	v := w.vec()
	VBROADCASTSS(at.Addr, v)
	return v
}

// store writes the lanes of the mask.
func (w width) store(v Op, m Mem, k *mask) {
	switch {
	case k == nil:
		VMOVUPS(v, m)
	case w.wide():
		VMOVUPS(v, k.reg, m)
	default:
		VMASKMOVPS(v, k.reg, m)
	}
}

// The predicates of VCMPPS.
const (
	equal      = 0x00
	unordered  = 0x03
	notEqual   = 0x04 // or unordered
	less       = 0x11
	notGreater = 0x12 // and not unordered
	notLess    = 0x15
	greater    = 0x1e
)

// choose returns yes where a and b compare, else no.
func (w width) choose(predicate uint8, a, b, yes, no Op) reg.VecVirtual {
	v := w.vec()
	if w.wide() {
		k := K()
		VCMPPS(U8(predicate), b, a, k)
		VBLENDMPS(yes, no, k, v)
		return v
	}
	c := YMM()
	VCMPPS(U8(predicate), b, a, c)
	VBLENDVPS(c, yes, no, v)
	return v
}

// upper returns the upper half of v, in a register half as wide.
func (w width) upper(v reg.VecVirtual) reg.VecVirtual {
	if w.wide() {
		h := YMM()
		VEXTRACTF64X4(U8(1), v, h)
		return h
	}
	h := XMM()
	VEXTRACTF128(U8(1), v, h)
	return h
}

// lower returns the lower half of v under its narrower name.
func (w width) lower(v reg.VecVirtual) reg.Register {
	if w.wide() {
		return v.AsY()
	}
	return v.AsX()
}

// known are the constants that were written so far.
var known = map[string]Mem{}

func constants(name string, write func()) Mem {
	if m, ok := known[name]; ok {
		return m
	}
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	write()
	known[name] = m
	return m
}

// bits returns a constant in every lane, in memory.
func bits(x uint32) Mem {
	return constants(fmt.Sprintf("c%08x", x), func() {
		for i := range group {
			DATA(4*i, U32(x))
		}
	})
}

// loop calls body for each group of n elements, with the byte offset of the group and a
// mask for each part: nil but in the last, shorter group. n is in elements; offset is 0
// before.
func (w width) loop(label string, n reg.Register, body func(offset reg.Register, ks []*mask)) {
	offset, end := GP64(), GP64()
	XORQ(offset, offset)
	MOVQ(n, end)
	ANDQ(I8(-group), end)
	SHLQ(U8(2), end)
	JZ(LabelRef(label + "_tail"))
	Label(label + "_groups")
	body(offset, make([]*mask, w.parts()))
	ADDQ(I8(4*group), offset)
	CMPQ(offset, end)
	JNE(LabelRef(label + "_groups"))
	Label(label + "_tail")
	rest := GP64()
	MOVQ(n, rest)
	ANDQ(I8(group-1), rest)
	JZ(LabelRef(label + "_end"))
	body(offset, w.masks(rest, w.parts()))
	Label(label + "_end")
}

// registers is loop for a body that treats each part alike and adds nothing up: what is left of a
// group is done by the register, so that there is a mask for one at most.
func (w width) registers(label string, n reg.Register, body func(offset reg.Register, ks []*mask)) {
	if w.parts() == 1 {
		w.loop(label, n, body)
		return
	}
	offset, left := GP64(), GP64()
	XORQ(offset, offset)
	MOVQ(n, left)
	SUBQ(I8(group), left)
	JLT(LabelRef(label + "_tail"))
	Label(label + "_groups")
	body(offset, make([]*mask, w.parts()))
	ADDQ(I8(4*group), offset)
	SUBQ(I8(group), left)
	JGE(LabelRef(label + "_groups"))
	Label(label + "_tail")
	ADDQ(I8(group), left)
	JZ(LabelRef(label + "_end"))
	CMPQ(left, U8(w.lanes()))
	JLT(LabelRef(label + "_rest"))
	body(offset, make([]*mask, 1))
	ADDQ(U8(w.bytes), offset)
	SUBQ(U8(w.lanes()), left)
	JZ(LabelRef(label + "_end"))
	Label(label + "_rest")
	body(offset, w.masks(left, 1))
	Label(label + "_end")
}

// at addresses part i of the group at offset.
func (w width) at(base, offset reg.Register, i int) Mem {
	return Mem{Base: base, Index: offset, Scale: 1, Disp: i * w.bytes}
}

// done ends a function.
func done() {
	VZEROUPPER()
	RET()
}
