package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// step is the number of lanes.
const step = 8

// A width is a family of registers, each of so many float64.
type width struct {
	name  string
	lanes int
}

// wide returns a register of float64, narrow one of as many float32.
func (w width) wide() reg.VecVirtual {
	if w.lanes == 8 {
		return ZMM()
	}
	return YMM()
}

func (w width) narrow() reg.VecVirtual {
	if w.lanes == 8 {
		return YMM()
	}
	return XMM()
}

// group returns one register for each part of the eight lanes.
func (w width) group(one func() reg.VecVirtual) []reg.VecVirtual {
	list := make([]reg.VecVirtual, step/w.lanes)
	for i := range list {
		list[i] = one()
	}
	return list
}

func main() {
	ConstraintExpr("amd64")
	masks := GLOBL("masks", RODATA|NOPTR)
	for i := range 2 * step {
		DATA(4*i, U32(uint32(int32(i-step)>>31))) // ones, and from the middle on zeros
	}
	for _, w := range []width{{"AVX2", 4}, {"AVX512", 8}} {
		w.dot(masks)
		w.distance(masks)
	}
	Generate()
}

// A rest is a mask of the lanes that have an element behind the last whole step.
type rest struct {
	w    width
	list []reg.VecVirtual // of float32; nil where there is a whole step
}

// floats reads float32 as float64; those beyond the end are 0.
func (r rest) floats(base reg.Register, part int) reg.VecVirtual {
	at, to := Mem{Base: base, Disp: 4 * part * r.w.lanes}, r.w.wide()
	if r.list == nil {
		VCVTPS2PD(at, to)
		return to
	}
	from := r.w.narrow()
	VMASKMOVPS(at, r.list[part], from)
	VCVTPS2PD(from, to)
	return to
}

// doubles reads float64; those beyond the end are 0.
func (r rest) doubles(base reg.Register, part int) reg.VecVirtual {
	at, to := Mem{Base: base, Disp: 8 * part * r.w.lanes}, r.w.wide()
	switch {
	case r.list == nil:
		VMOVUPD(at, to)
	case r.w.lanes == 8:
		k, mask := K(), ZMM()
		VPMOVSXDQ(r.list[part], mask)
		VPMOVQ2M(mask, k)
		VMOVUPD_Z(at, k, to)
	default:
		mask := YMM()
		VPMOVSXDQ(r.list[part], mask)
		VMASKMOVPD(at, mask, to)
	}
	return to
}

// sum writes a loop over n elements, some at a time, that adds to the lanes what add makes of
// those at the pointers, and stores the sum of the lanes.
func (w width) sum(masks Mem, n reg.GPVirtual, pointers []reg.GPVirtual, bytes []int, add func(r rest, part int, lane reg.VecVirtual)) {
	lanes := w.group(w.wide)
	for _, lane := range lanes {
		VXORPD(lane, lane, lane)
	}
	SUBQ(I8(step), n)
	JL(LabelRef("rest"))
	Label("step")
	for part, lane := range lanes {
		add(rest{w: w}, part, lane)
	}
	for i, p := range pointers {
		ADDQ(I8(int8(step*bytes[i])), p)
	}
	SUBQ(I8(step), n)
	JGE(LabelRef("step"))
	Label("rest")
	ADDQ(I8(step), n)
	JZ(LabelRef("tree"))
	table := GP64()
	LEAQ(masks.Offset(4*step), table)
	NEGQ(n)
	r := rest{w: w, list: w.group(w.narrow)}
	for i, mask := range r.list {
		VMOVDQU(Mem{Base: table, Index: n, Scale: 4, Disp: 4 * i * w.lanes}, mask)
	}
	for part, lane := range lanes {
		add(r, part, lane)
	}
	Label("tree")
	low, high, four := lanes[0], YMM(), YMM()
	if w.lanes == 8 {
		VEXTRACTF64X4(U8(1), lanes[0], high)
		VADDPD(low.AsY(), high, four)
	} else {
		VADDPD(lanes[0], lanes[1], four) // l and l+4
	}
	two, upper := XMM(), XMM()
	VEXTRACTF128(U8(1), four, upper)
	VADDPD(four.AsX(), upper, two) // and those two further on
	VUNPCKHPD(two, two, upper)
	VADDSD(upper, two, two)
	VZEROUPPER()
	Store(two, ReturnIndex(0))
	RET()
}

func (w width) dot(masks Mem) {
	TEXT("dot"+w.name, NOSPLIT, "func(a, b *float32, n int) float64")
	Pragma("noescape")
	Doc("dot" + w.name + " is Dot of n elements, at least 1.")
	a, b, n := pointer("a"), pointer("b"), pointer("n")
	w.sum(masks, n, []reg.GPVirtual{a, b}, []int{4, 4}, func(r rest, part int, lane reg.VecVirtual) {
		VFMADD231PD(r.floats(a, part), r.floats(b, part), lane)
	})
}

func (w width) distance(masks Mem) {
	TEXT("distance"+w.name, NOSPLIT, "func(t *float64, f *float32, n int) float64")
	Pragma("noescape")
	Doc("distance" + w.name + " is Distance of n elements, at least 1.")
	t, f, n := pointer("t"), pointer("f"), pointer("n")
	w.sum(masks, n, []reg.GPVirtual{t, f}, []int{8, 4}, func(r rest, part int, lane reg.VecVirtual) {
		d := r.doubles(t, part)
		VSUBPD(r.floats(f, part), d, d)
		VMULPD(d, d, d)
		VADDPD(d, lane, lane)
	})
}

func pointer(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
