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
	lanes := GLOBL("lanes", RODATA|NOPTR)
	for i, v := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, U32(v))
	}
	for _, w := range []width{{"AVX2", 8}, {"AVX512", 16}} {
		w.pack(lanes, false)
		w.pack(lanes, true)
		w.unpack()
	}
	prefetch()
	Generate()
}

// inverse is 1/255 as the sum of the nearest float32 and of that nearest to what is left.
type inverse struct{ high, low reg.VecVirtual }

func (w width) inverse() inverse {
	high := float32(1.0 / 255)
	return inverse{w.constant(high), w.constant(float32(1.0/255 - float64(high)))}
}

// numbers turns vectors of levels, as float32, into level/255 as a division rounds it.
func (w width) numbers(by inverse, levels []reg.VecVirtual) []reg.VecVirtual {
	numbers := make([]reg.VecVirtual, len(levels))
	for i, level := range levels {
		numbers[i] = w.vector()
		VMULPS(by.low, level, numbers[i])
	}
	for i, level := range levels {
		VFMADD231PS(by.high, level, numbers[i])
	}
	return numbers
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

// A level is two vectors of numbers as levels.
type level = [2]reg.VecVirtual

// magic is so large that a float32 has steps of 1 there: what is added to it is rounded.
const magic = 3 << 22

// near is how far 255 v may be from a level for pack to take v without a closer look: less than
// 255 times the tolerance by more than the roundings of both.
const near = 2e-4

// pack writes pack, and quick: that does not go by the definition, but by how far 255 v is from the
// nearest whole number, which is the level by far if it is nearer than what the definition allows.
func (w width) pack(lanes Mem, quick bool) {
	name, verdict := "pack"+w.name, "a level"
	if quick {
		name, verdict = "quick"+w.name, "a near level"
	}
	TEXT(name, NOSPLIT, "func(dst *uint8, src *float32, n int) bool")
	Pragma("noescape")
	Doc(name+" writes the levels of n numbers, at least 32, and reports whether "+verdict, "stands for each. If not, the levels are of no use.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64()).(reg.GPVirtual)
	top, sign := w.constant(255), w.constant(float32(math.Copysign(0, -1)))
	bits, farthest := w.constant(0), w.constant(0) // of all levels, and from them
	most := float32(tolerance)
	var levelsOf func(from [2]Mem) (k, off level)
	if quick {
		most = near
		levelsOf = w.nearLevels(top)
	} else {
		levelsOf = w.levels(top)
	}
	order := YMM()
	if w.lanes == 8 {
		VMOVDQU(lanes, order)
	}
	// two returns two vectors of levels, and notes how far the numbers are from them. What
	// one of them waits for, the other has in the meantime.
	two := func(at reg.GPVirtual, first int) level {
		var from [2]Mem
		for i := range from {
			from[i] = Mem{Base: src, Index: at, Scale: 4, Disp: 4 * (first + i) * w.lanes}
		}
		k, off := levelsOf(from)
		for i := range off {
			if w.lanes == 16 {
				VPANDND(off[i], sign, off[i])
			} else {
				VANDNPS(off[i], sign, off[i])
			}
		}
		for i := range off {
			VMAXPS(farthest, off[i], farthest)
		}
		return k
	}
	overlap(n, packed, func(at reg.GPVirtual) {
		k := two(at, 0)
		if w.lanes == 16 {
			for i := range k {
				VPORD(k[i], bits, bits)
				VPMOVDB(k[i], Mem{Base: dst, Index: at, Scale: 1, Disp: 16 * i})
			}
			return
		}
		// What 16 bits cannot hold becomes what 8 cannot hold.
		words := YMM()
		VPACKSSDW(k[1], k[0], words)
		VPOR(words, bits, bits)
		k = two(at, 2)
		VPACKSSDW(k[1], k[0], k[0])
		VPOR(k[0], bits, bits)
		VPACKUSWB(k[0], words, words)
		VPERMD(words, order, words) // the packs go by half registers
		VMOVDQU(words, Mem{Base: dst, Index: at, Scale: 1})
	})
	allowed, mask := w.constant(most), GP32()
	if w.lanes == 16 {
		far, wide := K(), K()
		VCMPPS(U8(atMost^negated), allowed, farthest, far)
		VPSRLD(U8(8), bits, bits)
		VPTESTMD(bits, bits, wide)
		KORW(far, wide, far)
		KMOVW(far, mask)
	} else {
		VPSRLW(U8(8), bits, bits)
		zero, fits := w.constant(0), w.vector()
		VPCMPEQD(zero, bits, fits)
		VCMPPS(U8(atMost), allowed, farthest, farthest)
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

// levels finds levels by the definition, and how far the numbers are from them.
func (w width) levels(top reg.VecVirtual) func(from [2]Mem) (k, off level) {
	by, half := w.inverse(), w.constant(0.5)
	return func(from [2]Mem) (k, off level) {
		levels := make([]reg.VecVirtual, 2)
		for i := range k {
			k[i], levels[i] = w.vector(), w.vector()
			VMULPS(from[i], top, levels[i])
		}
		for _, level := range levels {
			VADDPS(half, level, level)
		}
		for i, level := range levels {
			VCVTTPS2DQ(level, k[i]) // 1<<31 for what is no int32
		}
		for i, level := range levels {
			VCVTDQ2PS(k[i], level)
		}
		copy(off[:], w.numbers(by, levels))
		for i := range off {
			VSUBPS(from[i], off[i], off[i])
		}
		return k, off
	}
}

// nearLevels finds the whole numbers nearest to 255 v, and how far 255 v is from them. What is not
// in 0..255, or no number, has other bits than these.
func (w width) nearLevels(top reg.VecVirtual) func(from [2]Mem) (k, off level) {
	large := w.constant(magic)
	return func(from [2]Mem) (k, off level) {
		for i := range k {
			k[i], off[i] = w.vector(), w.vector()
			VMOVUPS(from[i], off[i])
			VMOVAPS(large, k[i])
			VFMADD231PS(top, off[i], k[i])
		}
		for i := range k {
			whole := w.vector()
			VSUBPS(large, k[i], whole)
			VFMSUB213PS(whole, top, off[i])
			if w.lanes == 16 {
				VPXORD(large, k[i], k[i])
			} else {
				VPXOR(large, k[i], k[i])
			}
		}
		return k, off
	}
}

func (w width) unpack() {
	TEXT("unpack"+w.name, NOSPLIT, "func(dst *float32, src *uint8, n int)")
	Pragma("noescape")
	Doc("unpack" + w.name + " writes the numbers that n levels, at least 16, stand for.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64()).(reg.GPVirtual)
	by := w.inverse()
	overlap(n, 16, func(at reg.GPVirtual) {
		var levels []reg.VecVirtual
		for i := range 16 / w.lanes {
			k := w.vector()
			VPMOVZXBD(Mem{Base: src, Index: at, Scale: 1, Disp: i * w.lanes}, k)
			VCVTDQ2PS(k, k)
			levels = append(levels, k)
		}
		for i, v := range w.numbers(by, levels) {
			VMOVUPS(v, Mem{Base: dst, Index: at, Scale: 4, Disp: 4 * i * w.lanes})
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
