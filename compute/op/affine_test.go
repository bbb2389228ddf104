package op_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

func linear(rows, k, n int, act op.Activation) subject {
	return subject{
		name:     fmt.Sprintf("%s %d of %d", act, n, k),
		rows:     rows,
		operands: []operand{{width: k}, {shape: []int{n, k}}, {shape: []int{n}}},
		build: func(in gorgonia.Nodes) (*gorgonia.Node, error) {
			return op.Linear(in[0], in[1], in[2], act)
		},
	}
}

func TestLinear(t *testing.T) {
	conform(t, linear(4, 7, 3, op.Tanh), linear(3, 5, 1, op.Identity), linear(5, 20, 40, op.GELU), linear(2, 130, 9, op.Sigmoid))
}

// transposed returns the columns of a matrix of n columns as rows.
func transposed(x []float32, n int) []float32 {
	rows := len(x) / n
	out := make([]float32, len(x))
	for i, v := range x {
		out[i%n*rows+i/n] = v
	}
	return out
}

// The order of the weights is all that tells Linear from Affine: results and gradients have the
// same bits, also where a rectifier makes most slopes 0 and the weights are known to be finite.
func TestLinearHasTheBitsOfAffineOfTransposedWeights(t *testing.T) {
	for _, d := range [][3]int{{1, 416, 64}, {1, 130, 7}, {9, 70, 33}, {256, 100, 64}} {
		m, k, n := d[0], d[1], d[2]
		r := rand.New(rand.NewPCG(7, 8))
		x, w, b, targets, weights := random(m*k, r), random(k*n, r), random(n, r), random(m*n, r), random(m, r)
		for i := range b {
			b[i] -= 2 // most units are off
		}
		results := func(w []float32, shape []int, affine func(x, w, b *gorgonia.Node, act op.Activation) (*gorgonia.Node, error)) [4][]float32 {
			g := gorgonia.NewGraph()
			xn, wn, bn := input(g, "x", x, m, k), input(g, "w", w, shape...), input(g, "b", b, n)
			y, err := affine(xn, wn, bn, op.ReLU)
			require.NoError(t, err)
			tn, an := input(g, "targets", targets, m, n), input(g, "weights", weights, m)
			loss, err := op.SquaredError(y, tn, an)
			require.NoError(t, err)
			grads, err := gorgonia.Grad(loss, xn, wn, bn)
			require.NoError(t, err)
			plan, err := compute.Compile(g, append(gorgonia.Nodes{y}, grads...), m, compute.WithBatch(xn, tn, an), compute.WithFinite(wn))
			require.NoError(t, err)
			require.NoError(t, plan.Run(m))
			var out [4][]float32
			for i := range out {
				out[i] = append(out[i], plan.Output(i).Data().([]float32)...)
			}
			return out
		}
		want, got := results(w, []int{k, n}, op.Affine), results(transposed(w, n), []int{n, k}, op.Linear)
		got[2] = transposed(got[2], k)
		require.Equal(t, want, got, "%v", d)
	}
}

func TestLinearRefusesShapesThatDoNotFit(t *testing.T) {
	g := gorgonia.NewGraph()
	x, w, b := input(g, "x", make([]float32, 6), 2, 3), input(g, "w", make([]float32, 12), 3, 4), input(g, "b", make([]float32, 4), 4)
	_, err := op.Linear(x, w, b, op.ReLU)
	require.ErrorContains(t, err, op.ErrShape.Error())
	require.ErrorContains(t, err, "linear relu of x (2, 3), w (3, 4) and b (4)")
	_, err = op.Linear(x, w, b, "swish")
	require.ErrorContains(t, err, "must be one of identity, relu, gelu, tanh, sigmoid")
}
