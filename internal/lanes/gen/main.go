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
		for _, function := range []func(Mem){w.dot, w.dots, w.distance, w.scale, w.approach, w.aim, w.trade} {
			function(masks)
		}
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

// mask64 returns the mask of a part for registers of float64, in a register like them or in a k.
func (r rest) mask64(part int) (reg.VecVirtual, reg.OpmaskVirtual) {
	mask := r.w.wide()
	VPMOVSXDQ(r.list[part], mask)
	if r.w.lanes < 8 {
		return mask, nil
	}
	k := K()
	VPMOVQ2M(mask, k)
	return nil, k
}

// doubles reads float64; those beyond the end are 0.
func (r rest) doubles(base reg.Register, part int) reg.VecVirtual {
	at, to := Mem{Base: base, Disp: 8 * part * r.w.lanes}, r.w.wide()
	if r.list == nil {
		VMOVUPD(at, to)
		return to
	}
	if mask, k := r.mask64(part); k != nil {
		VMOVUPD_Z(at, k, to)
	} else {
		VMASKMOVPD(at, mask, to)
	}
	return to
}

// putDoubles writes float64, none beyond the end.
func (r rest) putDoubles(v reg.VecVirtual, base reg.Register, part int) {
	at := Mem{Base: base, Disp: 8 * part * r.w.lanes}
	if r.list == nil {
		VMOVUPD(v, at)
		return
	}
	if mask, k := r.mask64(part); k != nil {
		VMOVUPD(v, k, at)
	} else {
		VMASKMOVPD(v, mask, at)
	}
}

// putFloats writes float64 as float32, none beyond the end.
func (r rest) putFloats(v reg.VecVirtual, base reg.Register, part int) {
	at, to := Mem{Base: base, Disp: 4 * part * r.w.lanes}, r.w.narrow()
	if r.w.lanes == 8 {
		VCVTPD2PS(v, to)
	} else {
		VCVTPD2PSY(v, to)
	}
	if r.list == nil {
		VMOVUPS(to, at)
	} else {
		VMASKMOVPS(to, r.list[part], at)
	}
}

// An array is a pointer to elements of so many bytes.
type array struct {
	at    reg.GPVirtual
	bytes int
}

func floats(name string) array  { return array{pointer(name), 4} }
func doubles(name string) array { return array{pointer(name), 8} }

// each writes a loop over n elements of arrays, which are at hand in parts of a step.
func (w width) each(masks Mem, arrays []array, body func(r rest, part int)) {
	n := pointer("n")
	SUBQ(I8(step), n)
	JL(LabelRef("rest"))
	Label("step")
	for part := range step / w.lanes {
		body(rest{w: w}, part)
	}
	for _, a := range arrays {
		ADDQ(I8(int8(step*a.bytes)), a.at)
	}
	SUBQ(I8(step), n)
	JGE(LabelRef("step"))
	Label("rest")
	ADDQ(I8(step), n)
	JZ(LabelRef("end"))
	table := GP64()
	LEAQ(masks.Offset(4*step), table)
	NEGQ(n)
	r := rest{w: w, list: w.group(w.narrow)}
	for i, mask := range r.list {
		VMOVDQU(Mem{Base: table, Index: n, Scale: 4, Disp: 4 * i * w.lanes}, mask)
	}
	for part := range r.list {
		body(r, part)
	}
	Label("end")
}

// zeros returns lanes of 0.
func (w width) zeros() []reg.VecVirtual {
	lanes := w.group(w.wide)
	for _, lane := range lanes {
		VXORPD(lane, lane, lane)
	}
	return lanes
}

// total stores the sum of the lanes as the result.
func (w width) total(lanes []reg.VecVirtual) { Store(w.sum(lanes), ReturnIndex(0)) }

// sum returns the sum of the lanes.
func (w width) sum(lanes []reg.VecVirtual) reg.VecVirtual {
	four, two, upper := YMM(), XMM(), XMM()
	if w.lanes == 8 {
		VEXTRACTF64X4(U8(1), lanes[0], four)
		VADDPD(lanes[0].AsY(), four, four)
	} else {
		VADDPD(lanes[0], lanes[1], four) // l and l+4
	}
	VEXTRACTF128(U8(1), four, upper)
	VADDPD(four.AsX(), upper, two) // and those two further on
	VUNPCKHPD(two, two, upper)
	VADDSD(upper, two, two)
	return two
}

// begin writes the head of a function.
func (w width) begin(name, signature string) {
	TEXT(name+w.name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + w.name + " does what " + name + " does with n elements, at least 1.")
}

func end() {
	VZEROUPPER()
	RET()
}

func (w width) dot(masks Mem) {
	w.begin("dot", "func(a, b *float32, n int) float64")
	a, b, lanes := floats("a"), floats("b"), w.zeros()
	w.each(masks, []array{a, b}, func(r rest, part int) {
		VFMADD231PD(r.floats(a.at, part), r.floats(b.at, part), lanes[part])
	})
	w.total(lanes)
	end()
}

func (w width) dots(masks Mem) {
	TEXT("dots"+w.name, NOSPLIT, "func(dst *float64, a, b *float32, n, rows int)")
	Pragma("noescape")
	Doc("dots" + w.name + " does what dots does with rows of n elements, at least 1 of each.")
	dst, row, rows, bytes := pointer("dst"), pointer("b"), pointer("rows"), pointer("n")
	SHLQ(U8(2), bytes)
	Label("row")
	a, b, lanes := floats("a"), array{GP64(), 4}, w.zeros()
	MOVQ(row, b.at)
	w.each(masks, []array{a, b}, func(r rest, part int) {
		VFMADD231PD(r.floats(a.at, part), r.floats(b.at, part), lanes[part])
	})
	VMOVSD(w.sum(lanes), Mem{Base: dst})
	ADDQ(U8(8), dst)
	ADDQ(bytes, row)
	DECQ(rows)
	JNZ(LabelRef("row"))
	end()
}

func (w width) distance(masks Mem) {
	w.begin("distance", "func(t *float64, f *float32, n int) float64")
	t, f, lanes := doubles("t"), floats("f"), w.zeros()
	w.each(masks, []array{t, f}, func(r rest, part int) {
		d := r.doubles(t.at, part)
		VSUBPD(r.floats(f.at, part), d, d)
		VMULPD(d, d, d)
		VADDPD(d, lanes[part], lanes[part])
	})
	w.total(lanes)
	end()
}

func (w width) scale(masks Mem) {
	w.begin("scale", "func(dst, f *float32, by float64, n int)")
	dst, f, by := floats("dst"), floats("f"), w.number("by")
	w.each(masks, []array{dst, f}, func(r rest, part int) {
		v := r.floats(f.at, part)
		VMULPD(by, v, v)
		r.putFloats(v, dst.at, part)
	})
	end()
}

func (w width) approach(masks Mem) {
	w.begin("approach", "func(mean, f *float32, rate float64, n int)")
	mean, f, rate := floats("mean"), floats("f"), w.number("rate")
	w.each(masks, []array{mean, f}, func(r rest, part int) {
		old, v := r.floats(mean.at, part), r.floats(f.at, part)
		VSUBPD(old, v, v)
		VMULPD(rate, v, v)
		VADDPD(v, old, v)
		r.putFloats(v, mean.at, part)
	})
	end()
}

func (w width) aim(masks Mem) {
	w.begin("aim", "func(t, sum *float64, mean, f *float32, by float64, n int) float64")
	t, sum, mean, f, by := doubles("t"), doubles("sum"), floats("mean"), floats("f"), w.number("by")
	lanes := w.zeros()
	w.each(masks, []array{t, sum, mean, f}, func(r rest, part int) {
		m, d, square := r.floats(mean.at, part), r.doubles(sum.at, part), w.wide()
		VMULPD(by, m, m)
		VSUBPD(m, d, d)
		VMULPD(d, d, square)
		VADDPD(square, lanes[part], lanes[part])
		VADDPD(r.floats(f.at, part), d, d)
		r.putDoubles(d, t.at, part)
	})
	w.total(lanes)
	end()
}

func (w width) trade(masks Mem) {
	w.begin("trade", "func(sum *float64, in, out *float32, coarse float64, n int)")
	sum, in, out, coarse := doubles("sum"), floats("in"), floats("out"), w.number("coarse")
	w.each(masks, []array{sum, in, out}, func(r rest, part int) {
		s := r.doubles(sum.at, part)
		for i, a := range []array{in, out} {
			v := r.floats(a.at, part)
			VADDPD(coarse, v, v)
			VSUBPD(coarse, v, v)
			if i == 0 {
				VADDPD(v, s, s)
			} else {
				VSUBPD(v, s, s)
			}
		}
		r.putDoubles(s, sum.at, part)
	})
	end()
}

// number returns a register with a parameter in all lanes.
func (w width) number(name string) reg.VecVirtual {
	all := w.wide()
	VBROADCASTSD(Load(Param(name), XMM()), all)
	return all
}

func pointer(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
