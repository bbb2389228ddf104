package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ids writes what is done with lists of ids before their rows are looked up. Each list is of at
// least eight; where its length is no multiple of eight, the last eight are done again.
func (w width) ids() {
	w.lookUp()
	w.span()
	w.distinct()
}

// eights runs code at each eighth of n elements, n > 7, for their offset in bytes.
func eights(name string, n reg.Register, code func(at reg.Register)) {
	at, last := GP64(), GP64()
	XORQ(at, at)
	LEAQ(Mem{Base: n, Disp: -8}, last)
	SHLQ(U8(2), last)
	Label(name)
	code(at)
	ADDQ(I8(32), at)
	CMPQ(at, last)
	JLT(LabelRef(name))
	SUBQ(last, at)
	CMPQ(at, U8(32))
	MOVQ(last, at)
	JLT(LabelRef(name))
}

func (w width) lookUp() {
	TEXT("lookUpAVX2", NOSPLIT, "func(dst, src, offsets, tops *int32, rows, n int) uint32")
	Pragma("noescape")
	Doc("lookUpAVX2 adds offsets to rows of n, and returns 0 if all were from 0 to tops.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	offsets, tops := Load(Param("offsets"), GP64()), Load(Param("tops"), GP64())
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	bad, v, most := YMM(), YMM(), YMM()
	VPXOR(bad, bad, bad)
	Label("row")
	eights("eight", n, func(at reg.Register) {
		VMOVDQU(Mem{Base: src, Index: at, Scale: 1}, v)
		VPMAXUD(Mem{Base: tops, Index: at, Scale: 1}, v, most)
		VPXOR(Mem{Base: tops, Index: at, Scale: 1}, most, most)
		VPOR(most, bad, bad)
		VPADDD(Mem{Base: offsets, Index: at, Scale: 1}, v, v)
		VMOVDQU(v, Mem{Base: dst, Index: at, Scale: 1})
	})
	LEAQ(Mem{Base: src, Index: n, Scale: 4}, src)
	LEAQ(Mem{Base: dst, Index: n, Scale: 4}, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	some := GP32()
	XORL(some, some)
	VPTEST(bad, bad)
	SETNE(some.As8())
	Store(some, ReturnIndex(0))
	done()
}

func (w width) span() {
	TEXT("spanAVX2", NOSPLIT, "func(ids *int32, n int) (low, high int32)")
	Pragma("noescape")
	Doc("spanAVX2 returns the least and the greatest of n ids.")
	ids, n := Load(Param("ids"), GP64()), Load(Param("n"), GP64())
	low, high, v := YMM(), YMM(), YMM()
	VMOVDQU(Mem{Base: ids}, low)
	VMOVDQA(low, high)
	eights("eight", n, func(at reg.Register) {
		VMOVDQU(Mem{Base: ids, Index: at, Scale: 1}, v)
		VPMINSD(v, low, low)
		VPMAXSD(v, high, high)
	})
	for _, side := range []struct {
		v    reg.VecVirtual
		fold func(ops ...Op)
	}{{low, VPMINSD}, {high, VPMAXSD}} {
		other := XMM()
		VEXTRACTI128(U8(1), side.v, other)
		for _, shuffle := range []int{-1, 0x4e, 0xb1} {
			if shuffle >= 0 {
				VPSHUFD(U8(shuffle), side.v.AsX(), other)
			}
			side.fold(other, side.v.AsX(), side.v.AsX())
		}
	}
	a, b := GP32(), GP32()
	VMOVD(low.AsX(), a)
	VMOVD(high.AsX(), b)
	Store(a, Return("low"))
	Store(b, Return("high"))
	done()
}

// distinct compares each eight with all eights after it, and with itself turned by one to four.
func (w width) distinct() {
	TEXT("distinctAVX2", NOSPLIT, "func(ids *int32, n int) uint32")
	Pragma("noescape")
	Doc("distinctAVX2 returns 0 if none of n ids, n a multiple of 8, is below 0 or occurs twice.")
	ids, n := Load(Param("ids"), GP64()), Load(Param("n"), GP64())
	end, next, some := GP64(), GP64(), GP32()
	LEAQ(Mem{Base: ids, Index: n, Scale: 4}, end)
	bad, signs, v, equal := YMM(), YMM(), YMM(), YMM()
	VPXOR(bad, bad, bad)
	VPXOR(signs, signs, signs)
	turn := YMM()
	Label("eight")
	VMOVDQU(Mem{Base: ids}, v)
	VPOR(v, signs, signs)
	for by := 1; by <= 4; by++ {
		VMOVDQU(constants(fmt.Sprintf("turn%d", by), func() {
			for i := range 8 {
				DATA(4*i, U32((i+by)%8))
			}
		}), turn)
		VPERMD(v, turn, equal)
		VPCMPEQD(v, equal, equal)
		VPOR(equal, bad, bad)
	}
	var each []reg.VecVirtual
	for i := range 8 {
		e := YMM()
		VPBROADCASTD(Mem{Base: ids, Disp: 4 * i}, e)
		each = append(each, e)
	}
	ADDQ(I8(32), ids)
	MOVQ(ids, next)
	JMP(LabelRef("more"))
	Label("other")
	VMOVDQU(Mem{Base: next}, v)
	for _, e := range each {
		VPCMPEQD(e, v, equal)
		VPOR(equal, bad, bad)
	}
	ADDQ(I8(32), next)
	Label("more")
	CMPQ(next, end)
	JLT(LabelRef("other"))
	CMPQ(ids, end)
	JLT(LabelRef("eight"))
	VPSRAD(U8(31), signs, signs)
	VPOR(signs, bad, bad)
	XORL(some, some)
	VPTEST(bad, bad)
	SETNE(some.As8())
	Store(some, ReturnIndex(0))
	done()
}
