package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The sums of a unit over its live terms are a row of inputs. They lie across the weights, whose
// rows are an input's.
const (
	turnedUnits = 16  // that are turned at a time
	turnedWidth = 136 // elements from unit to unit
)

// descendTurned writes the step of SGD from a gradient that lies transposed, with products and
// differences rounded as the update rounds them.
func (w width) descendTurned() {
	TEXT("descendTurnedAVX2", NOSPLIT,
		"func(theta, grad *float32, rows *int32, n, stride int, signs uint32, rate, factor float32) (left int, bad float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("descendTurnedAVX2 takes the step for %d columns of n rows of θ, stride bytes apart, from as many rows of", turnedUnits),
		fmt.Sprintf("grad, %d elements apart, of which it reads up to 3 behind the first n. Before 4 rows for which some of the", turnedWidth),
		"gradient is -0, in the lanes that signs has, it stops, and returns how many are left. bad is 0 if all that",
		"it wrote is finite, else a NaN.")
	theta, stride := Load(Param("theta"), GP64()), Load(Param("stride"), GP64())
	grad, places, n := Load(Param("grad"), GP64()), Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	rate, factor, bad := w.everywhere("rate"), w.everywhere("factor"), w.zero()
	signs := Load(Param("signs"), GP32())
	minus := bits(1 << 31)
	Label("block")
	var columns [2][4]reg.VecVirtual
	for h := range columns {
		columns[h] = newSquare().transposed(func(i int, v reg.VecVirtual) {
			at := Mem{Base: grad, Disp: 4 * turnedWidth * (8*h + i)}
			VMOVUPS(at, v.AsX())
			at.Disp += 4 * turnedWidth * 4
			VINSERTF128(U8(1), at, v, v)
		})
	}
	// -0 is the least of all integers.
	least, found := w.vec(), GP32()
	VPMINSD(columns[1][0], columns[0][0], least)
	for i := 1; i < 4; i++ {
		VPMINSD(columns[0][i], least, least)
		VPMINSD(columns[1][i], least, least)
	}
	VPCMPEQD(minus, least, least)
	VMOVMSKPS(least, found)
	TESTL(signs, found)
	JNZ(LabelRef("end"))
	for i := range 4 {
		here := Mem{Base: theta, Index: GP64(), Scale: 1}
		MOVLQSX(Mem{Base: places, Disp: 4 * i}, here.Index)
		IMULQ(stride, here.Index)
		for h := range columns {
			here.Disp = h * w.bytes
			v, t := columns[h][i], w.vec()
			VMULPS(rate, v, v)
			VMULPS(factor, v, v)
			VMOVUPS(here, t)
			VSUBPS(v, t, t)
			VMOVUPS(t, here)
			VSUBPS(t, t, v)
		}
		VADDPS(columns[1][i], columns[0][i], columns[0][i])
		VADDPS(columns[0][i], bad, bad)
		DECQ(n)
		JZ(LabelRef("end"))
	}
	ADDQ(I8(16), places)
	ADDQ(I8(16), grad)
	JMP(LabelRef("block"))
	Label("end")
	Store(n, Return("left"))
	acc := []reg.VecVirtual{bad, w.zero()}
	w.tree(acc, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(acc[0].AsX(), Return("bad"))
	done()
}
