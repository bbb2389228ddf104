package op_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

// terms are two losses over the same logits, as the objectives of continual learning have
// them, with the memory of their inputs.
type terms struct {
	g               *gorgonia.ExprGraph
	roots           gorgonia.Nodes // loss, logits, then the gradients by x, w and b
	batch           gorgonia.Nodes
	x, w, b         []float32
	targets, mask   []float32
	weights         []float32
	teacher, groups []float32
	coefficients    []float32
}

type distillFunc func(by op.Reduction, z, t, g, w *gorgonia.Node) (*gorgonia.Node, error)

func tempered(t float64) distillFunc {
	return func(by op.Reduction, z, teacher, g, w *gorgonia.Node) (*gorgonia.Node, error) {
		return op.Distillation(by, t, z, teacher, g, w)
	}
}

// newTerms has classes without part, rows without weight in one term or in both, and two
// groups of classes.
func newTerms(t *testing.T, by op.Reduction, distill distillFunc, m, k, n int) terms {
	return newTermsOf(t, by, op.MaskedCrossEntropy, distill, m, k, n)
}

func newTermsOf(t *testing.T, by op.Reduction, labels, distill distillFunc, m, k, n int) terms {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 8))
	l := terms{
		g: gorgonia.NewGraph(), x: random(m*k, r), w: random(k*n, r), b: random(n, r),
		targets: make([]float32, m*n), mask: make([]float32, m*n), weights: make([]float32, m),
		teacher: random(m*n, r), groups: make([]float32, m*n), coefficients: make([]float32, m),
	}
	for i := range m {
		for j := range n {
			if r.IntN(3) > 0 {
				l.mask[i*n+j] = 1
			}
			l.groups[i*n+j] = float32(r.IntN(3))
		}
		hit := i*n + r.IntN(n)
		l.targets[hit], l.mask[hit] = 1, 1
		l.weights[i], l.coefficients[i] = float32(r.Float64()), float32(r.Float64())
	}
	l.weights[0], l.coefficients[0] = 0, 0
	l.weights[1], l.coefficients[2] = 0, 0
	x, w, b := input(l.g, "x", l.x, m, k), input(l.g, "w", l.w, k, n), input(l.g, "b", l.b, n)
	batch := gorgonia.Nodes{
		x, input(l.g, "targets", l.targets, m, n), input(l.g, "mask", l.mask, m, n), input(l.g, "weights", l.weights, m),
		input(l.g, "teacher", l.teacher, m, n), input(l.g, "groups", l.groups, m, n), input(l.g, "coefficients", l.coefficients, m),
	}
	z, err := op.Affine(x, w, b, op.Identity)
	require.NoError(t, err)
	label, err := labels(by, z, batch[1], batch[2], batch[3])
	require.NoError(t, err)
	teach, err := distill(by, z, batch[4], batch[5], batch[6])
	require.NoError(t, err)
	cost, err := op.Together(label, teach)
	require.NoError(t, err)
	seed := l.g.AddNode(gorgonia.NewConstant(1.0, gorgonia.WithName("seed")))
	grads, err := gorgonia.Backpropagate(gorgonia.Nodes{cost}, gorgonia.Nodes{seed}, gorgonia.Nodes{x, w, b})
	require.NoError(t, err)
	l.roots, l.batch = append(gorgonia.Nodes{cost, z}, grads...), batch
	return l
}

func (l terms) plan(t *testing.T, m int) *compute.Plan {
	t.Helper()
	p, err := compute.Compile(l.g, l.roots, m, compute.WithBatch(l.batch...))
	require.NoError(t, err)
	require.NotContains(t, p.String(), "Do of")
	partial, why := p.Partial()
	require.True(t, partial, why)
	return p
}

func distillations() map[string]distillFunc {
	return map[string]distillFunc{"squared": op.SquaredLogits, "cool": tempered(0.5), "plain": tempered(1), "hot": tempered(2)}
}

func TestTermsEqualTheTapeMachineAndFiniteDifferences(t *testing.T) {
	const m, k, n = 9, 6, 5
	for _, by := range []op.Reduction{op.Mean, op.Sum} {
		for name, distill := range distillations() {
			t.Run(name, func(t *testing.T) {
				labels := op.MaskedCrossEntropy
				if name == "squared" && by == op.Sum {
					labels = op.MaskedSigmoid
				}
				a, b := newTermsOf(t, by, labels, distill, m, k, n), newTermsOf(t, by, labels, distill, m, k, n)
				tape, err := compute.NewTape(a.g, a.roots, m)
				require.NoError(t, err)
				require.NoError(t, tape.Run(m))
				plan := b.plan(t, m)
				at := func() float64 {
					require.NoError(t, plan.Run(m))
					return plan.Output(0).Data().(float64)
				}
				require.InEpsilon(t, tape.Output(0).Data(), at(), 1e-6)
				for i, values := range [][]float32{b.x, b.w, b.b} {
					at()
					got := append([]float32(nil), plan.Output(2+i).Data().([]float32)...)
					require.InDeltaSlice(t, tape.Output(2+i).Data(), got, 2e-6)
					for j := range values {
						old, h := values[j], float32(1.0/256)
						up, down := old+h, old-h
						values[j] = up
						high := at()
						values[j] = down
						low := at()
						values[j] = old
						require.InDelta(t, (high-low)/(float64(up)-float64(down)), float64(got[j]), 2e-3, "input %d, value %d", i, j)
					}
				}
			})
		}
	}
}

func TestTermsEqualTheirDefinitions(t *testing.T) {
	z := []float32{2, -1, 0.5, 3, 0, -2, 1, 1, 1}
	teacher := []float32{1, 0, 0.5, 2, 0, 1, 0, 0, 3}
	groups := []float32{1, 0, 1, 1, 1, 2, 2, 2, 0} // row 1 has a group of one class, which adds nothing
	weights := []float32{0.5, 2, 1}
	kl := func(p, q []float64) float64 { // at temperature 2
		soft := func(z []float64) (out []float64) {
			sum := 0.0
			for _, v := range z {
				sum += math.Exp(v / 2)
			}
			for _, v := range z {
				out = append(out, math.Exp(v/2)/sum)
			}
			return out
		}
		p, q = soft(p), soft(q)
		sum := 0.0
		for i := range p {
			sum += 4 * p[i] * math.Log(p[i]/q[i])
		}
		return sum
	}
	squared := []float64{(1.0 + 0) / 2, (1.0 + 0 + 9) / 3, (1.0 + 1) / 2}
	soft := []float64{
		kl([]float64{1, 0.5}, []float64{2, 0.5}), kl([]float64{2, 0}, []float64{3, 0}), kl([]float64{0, 0}, []float64{1, 1}),
	}
	softplus := func(x float64) float64 { return math.Log(1 + math.Exp(x)) }
	sigmoid := []float64{softplus(-2) + softplus(0.5), softplus(-3) + softplus(0) + softplus(-2), softplus(-1) + softplus(1)}
	masked := []float64{math.Log(1 + math.Exp(-1.5)), math.Log(1 + math.Exp(-3) + math.Exp(-5)), math.Log(2)}
	for _, tc := range []struct {
		name string
		term func(by op.Reduction, z, t, g, w *gorgonia.Node) (*gorgonia.Node, error)
		t    []float32
		rows []float64
	}{
		{"masked", op.MaskedCrossEntropy, []float32{1, 0, 0, 1, 0, 0, 1, 0, 0}, masked},
		{"sigmoid", op.MaskedSigmoid, []float32{1, 0, 0, 1, 0, 0, 1, 0, 0}, sigmoid},
		{"squared", op.SquaredLogits, teacher, squared},
		{"distillation", tempered(2), teacher, soft},
	} {
		want := 0.5*tc.rows[0] + 2*tc.rows[1] + tc.rows[2]
		for by, divisor := range map[op.Reduction]float64{op.Mean: 3.5, op.Sum: 1} {
			g := gorgonia.NewGraph()
			l, err := tc.term(by, input(g, "z", z, 3, 3), input(g, "t", tc.t, 3, 3), input(g, "g", groups, 3, 3), input(g, "w", weights, 3))
			require.NoError(t, err)
			require.InEpsilon(t, want/divisor, run(t, g, l).Output(0).Data().(float64), 1e-6, tc.name)
		}
	}
}

func TestMaskedClassesTakeNoPart(t *testing.T) {
	const m, k, n = 9, 6, 5
	l := newTerms(t, op.Sum, op.SquaredLogits, m, k, n)
	clear(l.coefficients)
	p := l.plan(t, m)
	require.NoError(t, p.Run(m))
	loss := p.Output(0).Data().(float64)
	bias := append([]float32(nil), p.Output(4).Data().([]float32)...)

	// What masked classes hold changes no bit: class 2 is masked everywhere, its bias moves.
	for i := range m {
		l.mask[i*n+2], l.targets[i*n+2] = 0, 0
	}
	require.NoError(t, p.Run(m))
	without := p.Output(0).Data().(float64)
	require.NotEqual(t, loss, without)
	bias = append(bias[:0], p.Output(4).Data().([]float32)...)
	require.Zero(t, bias[2], "a masked class has a gradient")
	l.b[2] += 100
	require.NoError(t, p.Run(m))
	require.Equal(t, without, p.Output(0).Data())
	require.Equal(t, bias, p.Output(4).Data())
}

func TestAFullMaskIsNoMask(t *testing.T) {
	const m, k, n = 9, 6, 17
	l := newTerms(t, op.Mean, op.SquaredLogits, m, k, n)
	clear(l.coefficients)
	for i := range l.mask {
		l.mask[i] = 1
	}
	masked := l.plan(t, m)
	require.NoError(t, masked.Run(m))

	g := gorgonia.NewGraph()
	x, w, b := input(g, "x", l.x, m, k), input(g, "w", l.w, k, n), input(g, "b", l.b, n)
	tn, wn := input(g, "targets", l.targets, m, n), input(g, "weights", l.weights, m)
	z, err := op.Affine(x, w, b, op.Identity)
	require.NoError(t, err)
	cost, err := op.SoftmaxCrossEntropy(z, tn, wn)
	require.NoError(t, err)
	grads, err := gorgonia.Grad(cost, x, w, b)
	require.NoError(t, err)
	plain, err := compute.Compile(g, append(gorgonia.Nodes{cost}, grads...), m, compute.WithBatch(x, tn, wn))
	require.NoError(t, err)
	require.NoError(t, plain.Run(m))
	require.Equal(t, plain.Output(0).Data(), masked.Output(0).Data())
	for i := range grads {
		require.Equal(t, plain.Output(1+i).Data(), masked.Output(2+i).Data())
	}
}

func TestRowsWithoutWeightChangeNoBit(t *testing.T) {
	const m, k, n = 9, 6, 5
	for name, distill := range distillations() {
		l := newTerms(t, op.Sum, distill, m, k, n)
		p := l.plan(t, m)
		require.NoError(t, p.Run(m))
		loss, dw := p.Output(0).Data(), append([]float32(nil), p.Output(3).Data().([]float32)...)
		r := rand.New(rand.NewPCG(9, 9))
		copy(l.x[:k], random(k, r)) // row 0 has no weight in either term
		copy(l.teacher[:n], random(n, r))
		require.NoError(t, p.Run(m))
		require.Equal(t, loss, p.Output(0).Data(), name)
		require.Equal(t, dw, p.Output(3).Data(), name)
	}
}

func TestTermsAllocateNothing(t *testing.T) {
	const m, k, n = 9, 6, 5
	for name, distill := range distillations() {
		p := newTerms(t, op.Sum, distill, m, k, n).plan(t, m)
		require.NoError(t, p.Run(m))
		require.Zero(t, testing.AllocsPerRun(20, func() { _ = p.Run(m) }), name)
	}
}

func TestTermsRefuseWhatDoesNotFit(t *testing.T) {
	g := gorgonia.NewGraph()
	z, w := input(g, "z", make([]float32, 6), 2, 3), input(g, "w", make([]float32, 2), 2)
	narrow := input(g, "g", make([]float32, 4), 2, 2)
	for _, term := range []distillFunc{op.MaskedCrossEntropy, op.SquaredLogits, tempered(1)} {
		_, err := term(op.Mean, z, z, narrow, w)
		require.ErrorContains(t, err, op.ErrShape.Error())
	}
	for _, temperature := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		_, err := op.Distillation(op.Mean, temperature, z, z, z, w)
		require.ErrorContains(t, err, "must be above 0")
	}
}
