package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Tables of single values: eight rows, wherever they lie, go into a register one by one and out
// again. Values that Go copied to lie side by side would be waited for until they are stored.

// A lanes8 is where the list begins whose next eight rows are a register's lanes.
type lanes8 struct{ rows reg.Register }

// row returns the row that is lane i's.
func (l lanes8) row(i int) reg.GPVirtual {
	r := GP64()
	MOVLQSX(Mem{Base: l.rows, Disp: 4 * i}, r)
	return r
}

// gather reads a value of each row.
func (l lanes8) gather(table reg.Register) reg.VecVirtual {
	var half [2]reg.VecVirtual
	for h := range half {
		half[h] = XMM()
		for i := range 4 {
			from := Mem{Base: table, Index: l.row(4*h + i), Scale: 4}
			if i == 0 {
				VMOVSS(from, half[h])
			} else {
				VINSERTPS(U8(16*i), from, half[h], half[h])
			}
		}
	}
	return join(half)
}

// scatter writes them.
func (l lanes8) scatter(v reg.VecVirtual, table reg.Register) {
	for h, x := range halves(v) {
		for i := range 4 {
			to := Mem{Base: table, Index: l.row(4*h + i), Scale: 4}
			if i == 0 {
				VMOVSS(x, to)
			} else {
				VEXTRACTPS(U8(i), x, to)
			}
		}
	}
}

// gatherPairs reads two neighbours of each row.
func (l lanes8) gatherPairs(table reg.Register) (first, second reg.VecVirtual) {
	var part [2]reg.VecVirtual // rows 0, 1, 4 and 5; 2, 3, 6 and 7
	for p := range part {
		var half [2]reg.VecVirtual
		for h := range half {
			half[h] = XMM()
			VMOVSD(Mem{Base: table, Index: l.row(4*h + 2*p), Scale: 8}, half[h])
			VMOVHPS(Mem{Base: table, Index: l.row(4*h + 2*p + 1), Scale: 8}, half[h], half[h])
		}
		part[p] = join(half)
	}
	first, second = YMM(), YMM()
	VSHUFPS(U8(0x88), part[1], part[0], first)
	VSHUFPS(U8(0xdd), part[1], part[0], second)
	return first, second
}

// scatterPairs writes them.
func (l lanes8) scatterPairs(first, second reg.VecVirtual, table reg.Register) {
	low, high := YMM(), YMM()
	VUNPCKLPS(second, first, low)
	VUNPCKHPS(second, first, high)
	for p, v := range []reg.VecVirtual{low, high} {
		for h, x := range halves(v) {
			VMOVLPS(x, Mem{Base: table, Index: l.row(4*h + 2*p), Scale: 8})
			VMOVHPS(x, Mem{Base: table, Index: l.row(4*h + 2*p + 1), Scale: 8})
		}
	}
}

func join(half [2]reg.VecVirtual) reg.VecVirtual {
	v := YMM()
	VINSERTF128(U8(1), half[1].AsX(), half[0].AsY(), v)
	return v
}

func halves(v reg.VecVirtual) [2]reg.Register {
	high := XMM()
	VEXTRACTF128(U8(1), v.AsY(), high)
	return [2]reg.Register{v.AsX(), high}
}
