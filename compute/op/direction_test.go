package op_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

func directed(rows, k, n int) subject {
	return subject{
		name:     fmt.Sprintf("%d of %d", n, k),
		rows:     rows,
		operands: []operand{{width: k}, {shape: []int{k, n}}, {shape: []int{n}}},
		build: func(in gorgonia.Nodes) (*gorgonia.Node, error) {
			w, err := op.Directions(in[1], 1.5)
			if err != nil {
				return nil, err
			}
			return op.Affine(in[0], w, in[2], op.Identity)
		},
	}
}

func TestDirections(t *testing.T) {
	conform(t, directed(4, 7, 3), directed(3, 5, 1), directed(5, 64, 20))
}

func TestDirectionsHaveTheirLengthAndKeepTheirSign(t *testing.T) {
	g := gorgonia.NewGraph()
	w := input(g, "w", []float32{3, 0, 1e-30, -4, 0, 0}, 2, 3)
	y, err := op.Directions(w, 10)
	require.NoError(t, err)
	dy := input(g, "dy", []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	cost := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.HadamardProd(y, dy))))
	grads, err := gorgonia.Grad(cost, w)
	require.NoError(t, err)
	// Of (1, 4) what lies across (0.6, -0.8) is (2.56, 1.92), at 10/5 of it.
	across := []float32{5.12, 0, 0, 3.84, 0, 0}
	plan, err := compute.Compile(g, gorgonia.Nodes{y, grads[0]}, 2)
	require.NoError(t, err)
	require.NoError(t, plan.Run(2))
	require.InDeltaSlice(t, []float32{6, 0, 0, -8, 0, 0}, plan.Output(0).Data(), 1e-6, "without a direction a column is zero")
	require.InDeltaSlice(t, across, plan.Output(1).Data(), 1e-5)

	tape, err := compute.NewTape(g, gorgonia.Nodes{grads[0]}, 2)
	require.NoError(t, err)
	require.NoError(t, tape.Run(2))
	require.InDeltaSlice(t, across, tape.Output(0).Data(), 1e-5)
}

func TestDirectionsRefuseALength(t *testing.T) {
	for _, length := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		g := gorgonia.NewGraph()
		_, err := op.Directions(input(g, "w", []float32{1}, 1, 1), length)
		require.ErrorContains(t, err, "must be above 0 and finite")
	}
}
