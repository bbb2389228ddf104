package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// block is the number of elements that eight counters of Philox decide on, by 16 bits each.
const block = 64

// dropout writes the mask of a row, by Philox4x32-10. A lane of 64 bits holds a word of a
// counter in its lower half, which is all that a product of lanes reads; what is in the upper
// half is of no account.
func (w width) dropout() {
	TEXT("dropoutAVX2", NOSPLIT, "func(dst, x *float32, n int, key uint64, row, layer, below uint32, scale float32)")
	Pragma("noescape")
	Doc("dropoutAVX2 masks n elements of a row.")
	dst, x, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	mul0, mul1, scale := YMM(), YMM(), YMM()
	VMOVDQU(bits(0xd2511f53), mul0)
	VMOVDQU(bits(0xcd9e8d57), mul1)
	VBROADCASTSS(parameter("scale"), scale)
	row, layer, below := local("row", GP32()), local("layer", GP32()), local("below", GP32())
	key := local("key", GP64())
	kept := AllocLocal(2 * block) // of each element 16 bits: all if it is kept, else none
	counter, next := GP64(), GP64()
	XORQ(counter, counter)

	Label("block")
	c := philox(counter, key, row, layer, mul0, mul1)
	least := YMM()
	VPBROADCASTW(below, least)
	for i := range c {
		for _, l := range []int{0, 2} {
			VPSLLQ(U8(32), c[i][l+1], c[i][l+1])
			VPBLENDD(U8(0xaa), c[i][l+1], c[i][l], c[i][l])
		}
		for half, unpack := range []func(...Op){VPUNPCKLQDQ, VPUNPCKHQDQ} {
			words, most := YMM(), YMM()
			unpack(c[i][2], c[i][0], words)
			VPMAXUW(least, words, most)
			VPCMPEQW(most, words, words)
			VMOVDQU(words, kept.Offset(64*i+32*half))
		}
	}
	// multiply takes eight elements. What a mask of bits lets through of the scale is the
	// scale or +0.
	multiply := func(kept, x, dst Mem, k *mask) {
		factor := YMM()
		VPMOVSXWD(kept, factor)
		VANDPS(scale, factor, factor)
		v := w.load(x, k)
		VMULPS(factor, v, v)
		w.store(v, dst, k)
	}
	CMPQ(n, U8(block))
	JLT(LabelRef("rest"))
	for i := range block / 8 {
		multiply(kept.Offset(16*i), Mem{Base: x, Disp: 32 * i}, Mem{Base: dst, Disp: 32 * i}, nil)
	}
	ADDQ(I32(4*block), x)
	ADDQ(I32(4*block), dst)
	ADDQ(I8(block/8), counter)
	SUBQ(I8(block), n)
	JNZ(LabelRef("block"))
	Label("rest")
	w.loop("rest_of", n, func(offset reg.Register, ks []*mask) {
		MOVQ(offset, next)
		SHRQ(U8(1), next)
		for i, k := range ks {
			at := kept.Offset(16 * i)
			at.Index, at.Scale = next, 1
			multiply(at, w.at(x, offset, i), w.at(dst, offset, i), k)
		}
	})
	done()
}

// philox returns the words of eight counters (counter and the seven after it, row, layer, 0)
// under the key: four to a register, in an order by which unpacking words 0 and 1 with words 2
// and 3 puts neighbours side by side.
func philox(counter reg.Register, key, row, layer Mem, mul0, mul1 Op) (c [2][4]reg.VecVirtual) {
	low, first := XMM(), YMM()
	VMOVQ(counter, low) // MOVQ would have to keep what is above
	VPBROADCASTD(low, first)
	second, third, key0, key1 := YMM(), YMM(), YMM(), YMM()
	VPBROADCASTD(row, second)
	VPBROADCASTD(layer, third)
	VPBROADCASTD(key, key0)
	VPBROADCASTD(key.Offset(4), key1)
	for i := range c {
		c[i] = [4]reg.VecVirtual{YMM(), second, third, nil}
		VPADDD(counters(i), first, c[i][0])
	}
	const rounds = 10
	for r := range rounds {
		if r > 0 {
			VPADDD(bits(0x9e3779b9), key0, key0)
			VPADDD(bits(0xbb67ae85), key1, key1)
		}
		for i, x := range c {
			y := [4]reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
			VPMULUDQ(mul0, x[0], y[3])
			VPMULUDQ(mul1, x[2], y[1])
			VPSRLQ(U8(32), y[1], y[0])
			VPSRLQ(U8(32), y[3], y[2])
			VPXOR(x[1], y[0], y[0])
			VPXOR(key0, y[0], y[0])
			if x[3] != nil { // the last word is 0 at first
				VPXOR(x[3], y[2], y[2])
			}
			VPXOR(key1, y[2], y[2])
			c[i] = y
		}
	}
	return c
}

// counters are what the i-th four of eight counters are beyond the first.
func counters(i int) Mem {
	return constants([]string{"counters0", "counters4"}[i], func() {
		for l, c := range []int{0, 2, 1, 3} {
			DATA(8*l, U64(4*i+c))
		}
	})
}

// local copies a parameter, by way of a register, to where each block reads it.
func local(name string, by reg.Register) Mem {
	m := AllocLocal(8)
	if by = Load(Param(name), by); by.Size() == 8 {
		MOVQ(by, m)
	} else {
		MOVL(by, m)
	}
	return m
}

// parameter is where a parameter lies.
func parameter(name string) Mem {
	c, err := Param(name).Resolve()
	if err != nil {
		fail(err)
	}
	return c.Addr
}
