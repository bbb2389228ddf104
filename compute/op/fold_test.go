package op_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

func TestFold(t *testing.T) {
	folded := func(sizes []int, dim int) subject {
		width := 0
		for _, n := range sizes {
			width += n * dim
		}
		return subject{
			name: "folded", rows: 19, operands: []operand{{width: width}},
			build: func(n gorgonia.Nodes) (*gorgonia.Node, error) { return op.Fold(n[0], sizes, dim) },
		}
	}
	conform(t, folded([]int{1, 3, 1, 2}, 4), folded([]int{5}, 1), folded([]int{2, 1}, 3))

	g := gorgonia.NewGraph()
	x := input(g, "x", []float32{1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60}, 2, 6)
	y, err := op.Fold(x, []int{2, 1}, 2)
	require.NoError(t, err)
	require.Equal(t, []float32{1 + 3, 2 + 4, 5, 6, 40, 60, 50, 60}, run(t, g, y).Output(0).Data())
	_, err = op.Fold(x, []int{2, 2}, 2)
	require.ErrorIs(t, err, op.ErrShape)
	_, err = op.Fold(x, []int{3, 0}, 2)
	require.ErrorContains(t, err, "must be at least 1")
	_, err = op.Fold(x, []int{3}, 0)
	require.ErrorContains(t, err, "must be at least 1")
}
