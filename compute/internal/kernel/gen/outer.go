package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The offsets of kernel.outer, and the size of kernel.lanePair and of what it has of a group.
const (
	outerTheta, outerSum, outerX, outerY = 0, 8, 16, 24
	outerPairs, outerPaired              = 32, 40
	outerAlone, outerLonely              = 48, 56
	outerRows, outerStride               = 64, 72
	outerWhole, outerRest                = 80, 88
	outerRate, outerEpsilon, outerFactor = 96, 128, 160

	groupBytes, pairBytes = 8, 16
)

// An outerStep writes the step of Adagrad for some rows of a gradient x yᵀ. Roots and
// quotients are taken of the lanes alone whose y is not 0: those of two groups of a row in
// one register, where they fit. The others keep their bits, as a gradient of +0 leaves them.
//
// A row goes through several rounds of a loop: sums and root; quotient; parameters. Nothing
// then waits for the root or the quotient of its own round, or, where there is a round between,
// of the one before: what waits fills the scheduler.
type outerStep struct {
	w                      width
	o                      reg.Register
	theta, sum, x, y, rows reg.GPVirtual
	a, b, stride           reg.GPVirtual
	zero, bad, xs          reg.VecVirtual
	// What goes from round to round: the root and the gradient of a row, its step, and where
	// its parameters begin. The last is the oldest.
	roots, gradients, steps []reg.VecVirtual
	thetas                  []reg.GPVirtual
	factors                 int
}

func (w width) adagradOuter() {
	TEXT("adagradOuterAVX2", NOSPLIT, "func(o *byte) float32")
	Pragma("noescape")
	Doc("adagradOuterAVX2 returns 0 if all that it wrote is finite, else a NaN.")
	s := w.newOuterStep()
	s.each("pair", outerPairs, outerPaired, pairBytes, s.pair)
	s.each("alone", outerAlone, outerLonely, groupBytes, s.alone)
	s.done()
}

func (w width) newOuterStep() *outerStep {
	s := &outerStep{w: w, o: Load(Param("o"), GP64()), zero: w.zero(), bad: w.zero(), xs: YMM()}
	s.theta, s.sum, s.x, s.y, s.rows = GP64(), GP64(), GP64(), GP64(), GP64()
	s.a, s.b, s.stride = GP64(), GP64(), GP64()
	s.field(outerY, s.y)
	s.field(outerStride, s.stride)
	return s
}

// done ends a function that returns whether all is finite.
func (s *outerStep) done() {
	acc := []reg.VecVirtual{s.bad, s.zero}
	s.w.tree(acc, func(x, acc Op) { VADDPS(x, acc, acc) })
	Store(acc[0].AsX(), ReturnIndex(0))
	done()
}

func (s *outerStep) field(at int, to reg.Register) { MOVQ(Mem{Base: s.o, Disp: at}, to) }

// each runs code for each of the elements that a field of kernel.outer points to.
func (s *outerStep) each(label string, list, count, bytes int, code func(label string, element reg.Register)) {
	left, element := AllocLocal(8), GP64()
	n := GP64()
	s.field(count, n)
	TESTQ(n, n)
	JZ(LabelRef(label + "_none"))
	MOVQ(n, left)
	s.field(list, element)
	Label(label)
	code(label, element)
	ADDQ(I8(bytes), element)
	DECQ(left)
	JNZ(LabelRef(label))
	Label(label + "_none")
}

// begin starts at the first row, after rounds whose rows change nothing.
func (s *outerStep) begin(roots, steps int) {
	s.field(outerTheta, s.theta)
	s.field(outerSum, s.sum)
	s.field(outerX, s.x)
	s.field(outerRows, s.rows)
	s.roots, s.gradients, s.steps, s.thetas = nil, nil, nil, nil
	for range roots {
		root, g := YMM(), YMM()
		VMOVUPS(Mem{Base: s.o, Disp: outerEpsilon}, root)
		s.w.clear(g)
		s.roots, s.gradients = append(s.roots, root), append(s.gradients, g)
	}
	for range steps {
		step := YMM()
		s.w.clear(step)
		s.steps = append(s.steps, step)
	}
	for range roots + steps {
		theta := GP64()
		MOVQ(s.theta, theta)
		s.thetas = append(s.thetas, theta)
	}
}

// loop runs the rounds for the rows whose x is not 0, and the last ones for what is then left:
// root takes a row to its root and gradient, end its step to the parameters.
func (s *outerStep) loop(label string, root, end func()) {
	s.eachRow(label, func() {
		s.round(label, func() {
			VBROADCASTSS(Mem{Base: s.x}, s.xs)
			root()
		}, end)
		s.next(s.theta)
	})
	s.finish(label, end)
}

// eachRow runs code for each row whose x is not 0.
func (s *outerStep) eachRow(label string, code func()) {
	Label(label + "_row")
	TESTL(U32(0x7fffffff), Mem{Base: s.x})
	JZ(LabelRef(label + "_zero"))
	code()
	Label(label + "_zero")
	ADDQ(I8(4), s.x)
	ADDQ(s.stride, s.theta)
	ADDQ(s.stride, s.sum)
	DECQ(s.rows)
	JNZ(LabelRef(label + "_row"))
}

// round runs one round, before next.
func (s *outerStep) round(label string, root, end func()) {
	end()
	s.divide(label)
	shift(s.roots, func(from, to reg.VecVirtual) { VMOVAPS(from, to) })
	shift(s.gradients, func(from, to reg.VecVirtual) { VMOVAPS(from, to) })
	root()
}

// finish runs the rounds that are left after the last row.
func (s *outerStep) finish(label string, end func()) {
	for left := len(s.thetas); left > 0; left-- {
		end()
		if left == 1 {
			break
		}
		if left > len(s.steps) {
			s.divide(label)
			shift(s.roots, func(from, to reg.VecVirtual) { VMOVAPS(from, to) })
			shift(s.gradients, func(from, to reg.VecVirtual) { VMOVAPS(from, to) })
		} else {
			shift(s.steps, func(from, to reg.VecVirtual) { VMOVAPS(from, to) })
		}
		s.next(nil)
	}
}

// shift makes each value one round older.
func shift[T any](values []T, move func(from, to T)) {
	for i := len(values) - 1; i > 0; i-- {
		move(values[i-1], values[i])
	}
}

// next says where the parameters of the row of this round begin, unless there is none.
func (s *outerStep) next(theta reg.Register) {
	shift(s.thetas, func(from, to reg.GPVirtual) { MOVQ(from, to) })
	if theta != nil {
		MOVQ(theta, s.thetas[0])
	}
}

// squares adds the square of a gradient to the sum of them, and writes it.
func (s *outerStep) squares(y Op, column reg.Register, sum Op) {
	m := Mem{Base: s.sum, Index: column, Scale: 1}
	VMULPS(y, s.xs, sum)
	VMULPS(sum, sum, sum)
	VADDPS(m, sum, sum)
	VMOVUPS(sum, m)
}

// divide makes a step of the oldest root and gradient.
func (s *outerStep) divide(label string) {
	shift(s.steps, func(from, to reg.VecVirtual) { VMOVAPS(from, to) })
	last := len(s.roots) - 1
	root, g, step := s.roots[last], s.gradients[last], s.steps[0]
	VADDPS(Mem{Base: s.o, Disp: outerEpsilon}, root, root)
	VDIVPS(root, g, step)
	s.factors++
	label = fmt.Sprintf("%s_factor_%d", label, s.factors)
	CMPL(Mem{Base: s.o, Disp: outerFactor}, U32(0x3f800000))
	JEQ(LabelRef(label))
	VBROADCASTSS(Mem{Base: s.o, Disp: outerFactor}, root)
	VMULPS(root, step, step)
	Label(label)
}

// gradient multiplies the gradient of the live lanes by the rate; that of others is +0.
func (s *outerStep) gradient(y Op) {
	g := s.gradients[0]
	VMOVAPS(s.xs, g)
	VFMADD132PS(y, s.zero, g)
	VMULPS(Mem{Base: s.o, Disp: outerRate}, g, g)
}

// descend subtracts a step from the parameters of the oldest row.
func (s *outerStep) descend(step, t Op, column reg.Register) {
	m := Mem{Base: s.thetas[len(s.thetas)-1], Index: column, Scale: 1}
	VMOVUPS(m, t)
	VSUBPS(step, t, t)
	VMOVUPS(t, m)
}

// pair takes the step for two groups, A and B, of which no more than a register's lanes are
// live together. In it lanes of A are where they are; those of B have places of which A has none.
func (s *outerStep) pair(label string, pair reg.Register) {
	MOVQ(Mem{Base: pair}, s.a)
	MOVQ(Mem{Base: pair, Disp: groupBytes}, s.b)
	y, from, to, ofB, liveB := YMM(), YMM(), YMM(), YMM(), YMM()
	s.layout(y, from, to, ofB, liveB)
	s.begin(2, 2)
	sa, sb := YMM(), YMM()
	s.loop(label, func() {
		s.squares(Mem{Base: s.y, Index: s.a, Scale: 1}, s.a, sa)
		s.squares(Mem{Base: s.y, Index: s.b, Scale: 1}, s.b, sb)
		VPERMPS(sb, from, sb)
		VBLENDVPS(ofB, sb, sa, sa)
		VFMADD231PS(sa, s.zero, s.bad)
		VSQRTPS(sa, s.roots[0])
		s.gradient(y)
	}, func() {
		step := s.steps[len(s.steps)-1]
		VANDNPS(step, ofB, sa)
		s.descend(sa, s.xs, s.a)
		VPERMPS(step, to, sb)
		VANDPS(liveB, sb, sb)
		VMULPS(s.xs, s.zero, sa)
		s.descend(sb, s.xs, s.b)
		VFMADD231PS(s.xs, sa, s.bad)
	})
}

// layout says where the lanes of a register come from and go to: y is its elements of y, from
// where its lanes of B are in B, to where those of B are in it, ofB which are of B, and liveB
// which lanes of B are live. The live ones of B, in their order, take those of A that are not.
func (s *outerStep) layout(y, from, to, ofB, liveB reg.VecVirtual) {
	// A mask of lanes is a byte of bits, or eight bytes that are 0 or 255.
	bytes := func(bits, to reg.Register) {
		MOVQ(Imm(0x0101010101010101), to)
		PDEPQ(to, bits, to)
		IMUL3Q(I32(255), to, to)
	}
	lanes := func(bytes reg.GPVirtual, to reg.VecVirtual, extend func(from, to Op)) {
		VMOVQ(bytes, to.AsX())
		extend(to.AsX(), to)
	}
	live, free := GP64(), GP64()
	VMOVUPS(Mem{Base: s.y, Index: s.a, Scale: 1}, y)
	VCMPPS(U8(notEqual), s.zero, y, s.xs)
	VMOVMSKPS(s.xs, free.As32())
	NOTQ(free)
	VMOVUPS(Mem{Base: s.y, Index: s.b, Scale: 1}, s.xs)
	VCMPPS(U8(notEqual), s.zero, s.xs, liveB)
	VMOVMSKPS(liveB, live.As32())
	taken, liveBytes, takenBytes, order, places := GP64(), GP64(), GP64(), GP64(), GP64()
	PEXTQ(live, live, taken)
	PDEPQ(free, taken, taken)
	bytes(live, liveBytes)
	bytes(taken, takenBytes)
	lanes(takenBytes, ofB, func(from, to Op) { VPMOVSXBD(from, to) })
	MOVQ(Imm(0x0706050403020100), order)
	PEXTQ(liveBytes, order, places)
	PDEPQ(takenBytes, places, places)
	lanes(places, from, func(from, to Op) { VPMOVZXBD(from, to) })
	PEXTQ(takenBytes, order, places)
	PDEPQ(liveBytes, places, places)
	lanes(places, to, func(from, to Op) { VPMOVZXBD(from, to) })
	VPERMPS(s.xs, from, s.xs)
	VBLENDVPS(ofB, s.xs, y, y)
}

// alone takes the step for one group.
func (s *outerStep) alone(label string, group reg.Register) {
	MOVQ(Mem{Base: group}, s.a)
	s.begin(1, 1)
	y, sum := YMM(), YMM()
	VMOVUPS(Mem{Base: s.y, Index: s.a, Scale: 1}, y)
	s.loop(label, func() {
		s.squares(y, s.a, sum)
		VFMADD231PS(sum, s.zero, s.bad)
		VSQRTPS(sum, s.roots[0])
		s.gradient(y)
	}, func() {
		s.descend(s.steps[len(s.steps)-1], sum, s.a)
		VFMADD231PS(sum, s.zero, s.bad)
	})
}
