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

// layer is one layer and a loss, with the memory of its inputs.
type layer struct {
	g       *gorgonia.ExprGraph
	roots   gorgonia.Nodes // loss, then the gradients by x, w and b
	batch   gorgonia.Nodes
	x, w, b []float32
}

type lossFunc func(z, t, w *gorgonia.Node) (*gorgonia.Node, error)

func newLayer(t *testing.T, act op.Activation, loss lossFunc, m, k, n int) layer {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	l := layer{g: gorgonia.NewGraph(), x: random(m*k, r), w: random(k*n, r), b: random(n, r)}
	targets, weights := make([]float32, m*n), make([]float32, m)
	for i := range m {
		targets[i*n+r.IntN(n)] = 1
		weights[i] = float32(r.Float64())
	}
	weights[0] = 0
	x, w, b := input(l.g, "x", l.x, m, k), input(l.g, "w", l.w, k, n), input(l.g, "b", l.b, n)
	tn, wn := input(l.g, "targets", targets, m, n), input(l.g, "weights", weights, m)
	z, err := op.Affine(x, w, b, act)
	require.NoError(t, err)
	cost, err := loss(z, tn, wn)
	require.NoError(t, err)
	grads, err := gorgonia.Grad(cost, x, w, b)
	require.NoError(t, err)
	l.roots, l.batch = append(gorgonia.Nodes{cost}, grads...), gorgonia.Nodes{x, tn, wn}
	return l
}

func TestKernelsEqualTheTapeMachineAndFiniteDifferences(t *testing.T) {
	const m, k, n = 9, 6, 5
	for _, act := range []op.Activation{op.Identity, op.ReLU, op.GELU, op.Tanh, op.Sigmoid} {
		for name, loss := range map[string]lossFunc{
			"sigmoid": op.SigmoidCrossEntropy, "softmax": op.SoftmaxCrossEntropy, "squared": op.SquaredError, "huber": huber,
		} {
			t.Run(string(act)+" "+name, func(t *testing.T) {
				a, b := newLayer(t, act, loss, m, k, n), newLayer(t, act, loss, m, k, n)
				tape, err := compute.NewTape(a.g, a.roots, m)
				require.NoError(t, err)
				require.NoError(t, tape.Run(m))
				plan, err := compute.Compile(b.g, b.roots, m, compute.WithBatch(b.batch...))
				require.NoError(t, err)
				require.NotContains(t, plan.String(), "Do of")
				at := func() float64 {
					require.NoError(t, plan.Run(m))
					return plan.Output(0).Data().(float64)
				}
				require.InEpsilon(t, tape.Output(0).Data(), at(), 1e-6)
				for i, values := range [][]float32{b.x, b.w, b.b} {
					at()
					got := append([]float32(nil), plan.Output(1+i).Data().([]float32)...)
					require.InDeltaSlice(t, tape.Output(1+i).Data(), got, 2e-5)
					off := 0
					for j := range values {
						difference := func(h float32) float64 {
							old := values[j]
							up, down := old+h, old-h
							values[j] = up
							high := at()
							values[j] = down
							low := at()
							values[j] = old
							return (high - low) / (float64(up) - float64(down))
						}
						wide, narrow := difference(1.0/128), difference(1.0/512)
						if math.Abs(wide-narrow) > 1e-3 { // a kink lies between
							off++
							continue
						}
						require.InDelta(t, narrow, float64(got[j]), 2e-3, "input %d, value %d", i, j)
					}
					require.Less(t, off*4, len(values)+4, "too many values near a kink")
				}
			})
		}
	}
}
