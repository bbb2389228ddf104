package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	tolerance = 1e-6 // pixel.Tolerance
	lineBytes = 64   // of a cache line
	atMost    = 0x12 // LE_OQ, of VCMPPS
	negated   = 0x04 // makes of it NLE_UQ
)

// A width is a family of registers.
type width struct {
	name  string
	lanes int
}

func (w width) vector() reg.VecVirtual {
	if w.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

// constant returns a register with v in all lanes.
func (w width) constant(v float32) reg.VecVirtual {
	bits, x, all := GP32(), XMM(), w.vector()
	MOVL(U32(math.Float32bits(v)), bits)
	VMOVD(bits, x)
	VBROADCASTSS(x, all)
	return all
}

func main() {
	ConstraintExpr("amd64")
	for _, w := range []width{{"AVX2", 8}, {"AVX512", 16}} {
		w.pack()
		w.unpack()
	}
	prefetch()
	Generate()
}

// scale is what a level is turned into a number with.
type scale struct{ levels, inverse reg.VecVirtual }

func (w width) scale() scale { return scale{w.constant(255), w.constant(float32(1.0 / 255))} }

// number turns a vector of levels, as float32, into level/255 as a division rounds it: the
// quotient by the inverse, and one step of Newton's with the exact remainder.
func (w width) number(s scale, level reg.VecVirtual) reg.VecVirtual {
	q := w.vector()
	VMULPS(s.inverse, level, q)
	VFNMADD231PS(s.levels, q, level) // level - 255 q
	VFMADD231PS(s.inverse, level, q)
	return q
}

// overlap writes a loop over n elements, at least step of them, in steps: the last one begins
// as early as it must to end with the last element.
func overlap(n reg.GPVirtual, step int, body func(at reg.GPVirtual)) {
	at, last := GP64(), GP64()
	MOVQ(n, last)
	SUBQ(I8(int8(step)), last)
	XORQ(at, at)
	Label("step")
	body(at)
	CMPQ(at, last)
	JGE(LabelRef("end"))
	ADDQ(I8(int8(step)), at)
	CMPQ(at, last)
	CMOVQGT(last, at)
	JMP(LabelRef("step"))
	Label("end")
}

const packed = 32 // numbers in a step of pack

func (w width) pack() {
	TEXT("pack"+w.name, NOSPLIT, "func(dst *uint8, src *float32, n int) bool")
	Pragma("noescape")
	Doc("pack"+w.name+" writes the levels of n numbers, at least 32, and reports whether a level", "stands for each. If not, the levels are of no use.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64()).(reg.GPVirtual)
	s, half, sign := w.scale(), w.constant(0.5), w.constant(float32(math.Copysign(0, -1)))
	bits, farthest := w.constant(0), w.constant(0) // of all levels, and from them
	order := YMM()
	if w.lanes == 8 {
		lanes := GLOBL("lanes", RODATA|NOPTR)
		for i, v := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
			DATA(4*i, U32(v))
		}
		VMOVDQU(lanes, order)
	}
	overlap(n, packed, func(at reg.GPVirtual) {
		var levels []reg.VecVirtual
		for i := range packed / w.lanes {
			v, level, k := w.vector(), w.vector(), w.vector()
			VMOVUPS(Mem{Base: src, Index: at, Scale: 4, Disp: 4 * i * w.lanes}, v)
			VMULPS(s.levels, v, level)
			VADDPS(half, level, level)
			VCVTTPS2DQ(level, k) // 1<<31 for what is no int32
			VCVTDQ2PS(k, level)
			off := w.number(s, level)
			VSUBPS(v, off, off)
			if w.lanes == 16 {
				VPORD(k, bits, bits)
				VPANDND(off, sign, off)
			} else {
				VPOR(k, bits, bits)
				VANDNPS(off, sign, off)
			}
			VMAXPS(farthest, off, farthest)
			levels = append(levels, k)
		}
		if w.lanes == 16 {
			for i, k := range levels {
				VPMOVDB(k, Mem{Base: dst, Index: at, Scale: 1, Disp: 16 * i})
			}
			return
		}
		VPACKSSDW(levels[1], levels[0], levels[0])
		VPACKSSDW(levels[3], levels[2], levels[2])
		VPACKUSWB(levels[2], levels[0], levels[0])
		VPERMD(levels[0], order, levels[0]) // the packs go by half registers
		VMOVDQU(levels[0], Mem{Base: dst, Index: at, Scale: 1})
	})
	near, mask := w.constant(tolerance), GP32()
	if w.lanes == 16 {
		far, wide := K(), K()
		VCMPPS(U8(atMost^negated), near, farthest, far)
		VPSRLD(U8(8), bits, bits)
		VPTESTMD(bits, bits, wide)
		KORW(far, wide, far)
		KMOVW(far, mask)
	} else {
		VPSRLD(U8(8), bits, bits)
		zero, fits := w.constant(0), w.vector()
		VPCMPEQD(zero, bits, fits)
		VCMPPS(U8(atMost), near, farthest, farthest)
		VANDPS(fits, farthest, farthest)
		VMOVMSKPS(farthest, mask)
		XORL(U32(0xff), mask)
	}
	TESTL(mask, mask)
	ret := GP8()
	SETEQ(ret)
	VZEROUPPER()
	Store(ret, ReturnIndex(0))
	RET()
}

func (w width) unpack() {
	TEXT("unpack"+w.name, NOSPLIT, "func(dst *float32, src *uint8, n int)")
	Pragma("noescape")
	Doc("unpack" + w.name + " writes the numbers that n levels, at least 16, stand for.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64()).(reg.GPVirtual)
	s := w.scale()
	overlap(n, 16, func(at reg.GPVirtual) {
		for i := range 16 / w.lanes {
			k := w.vector()
			VPMOVZXBD(Mem{Base: src, Index: at, Scale: 1, Disp: i * w.lanes}, k)
			VCVTDQ2PS(k, k)
			VMOVUPS(w.number(s, k), Mem{Base: dst, Index: at, Scale: 4, Disp: 4 * i * w.lanes})
		}
	})
	VZEROUPPER()
	RET()
}

func prefetch() {
	TEXT("prefetchLines", NOSPLIT, "func(base *byte, n int)")
	Doc("prefetchLines asks for the cache lines of n bytes, at least 1.")
	Pragma("noescape")
	base, n := Load(Param("base"), GP64()), Load(Param("n"), GP64())
	ADDQ(base, n)
	ANDQ(I8(-lineBytes), base)
	Label("line")
	PREFETCHT0(Mem{Base: base})
	ADDQ(I8(lineBytes), base)
	CMPQ(base, n)
	JLT(LabelRef("line"))
	RET()
}
