package op_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

func normalised(rows, width, d int) subject {
	return subject{
		name:     fmt.Sprintf("%d of %d", d, width),
		rows:     rows,
		operands: []operand{{width: width}, {shape: []int{d}}, {shape: []int{d}}},
		build:    func(n gorgonia.Nodes) (*gorgonia.Node, error) { return op.LayerNorm(n[0], n[1], n[2]) },
	}
}

func TestLayerNorm(t *testing.T) {
	conform(t, normalised(4, 7, 7), normalised(3, 50, 50), normalised(3, 24, 8))
	normalised(900, 300, 100).families(t) // large enough for threads to share
}

func TestLayerNormHasMeanZeroAndVarianceOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := random(64, r)
	for i := range x {
		x[i] = 1000 + 3*x[i] // a mean that would cancel in the mean of squares
	}
	g := gorgonia.NewGraph()
	one := make([]float32, 64)
	for i := range one {
		one[i] = 1
	}
	y, err := op.LayerNorm(input(g, "x", x, 1, 64), input(g, "gain", one, 64), input(g, "bias", make([]float32, 64), 64))
	require.NoError(t, err)
	plan, err := compute.Compile(g, gorgonia.Nodes{y}, 1)
	require.NoError(t, err)
	require.NoError(t, plan.Run(1))
	sum, square := 0.0, 0.0
	for _, v := range plan.Output(0).Data().([]float32) {
		sum, square = sum+float64(v), square+float64(v)*float64(v)
	}
	require.InDelta(t, 0, sum/64, 1e-4)
	require.InDelta(t, 1, square/64, 1e-4)
}

func TestConcatAndColumns(t *testing.T) {
	side := subject{
		name: "three side by side", rows: 5,
		operands: []operand{{width: 3}, {width: 1}, {width: 6}},
		build:    func(n gorgonia.Nodes) (*gorgonia.Node, error) { return op.Concat(n...) },
	}
	middle := subject{
		name: "those in the middle", rows: 4,
		operands: []operand{{width: 7}},
		build:    func(n gorgonia.Nodes) (*gorgonia.Node, error) { return op.Columns(n[0], 2, 5) },
	}
	swapped := subject{
		name: "both", rows: 3,
		operands: []operand{{width: 5}},
		build: func(n gorgonia.Nodes) (*gorgonia.Node, error) {
			left, err := op.Columns(n[0], 0, 2)
			if err != nil {
				return nil, err
			}
			right, err := op.Columns(n[0], 2, 5)
			if err != nil {
				return nil, err
			}
			return op.Concat(right, left)
		},
	}
	conform(t, side, middle, swapped)

	g := gorgonia.NewGraph()
	x := input(g, "x", []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	y, err := op.Concat(x, input(g, "y", []float32{7, 8}, 2, 1))
	require.NoError(t, err)
	z, err := op.Columns(y, 1, 4)
	require.NoError(t, err)
	require.Equal(t, []float32{2, 3, 7, 5, 6, 8}, run(t, g, z).Output(0).Data())
	_, err = op.Concat(x, input(g, "three", make([]float32, 3), 3, 1))
	require.ErrorContains(t, err, "concat of [(2, 3) (3, 1)]")
	_, err = op.Columns(x, 1, 4)
	require.ErrorContains(t, err, "columns 1 to 4 of a matrix (2, 3)")
	_, err = op.Concat()
	require.ErrorIs(t, err, op.ErrShape)
}

func noise(g *gorgonia.ExprGraph, words []int32) *gorgonia.Node {
	return gorgonia.NewTensor(g, tensor.Int32, 2, gorgonia.WithShape(1, 2), gorgonia.WithName("noise"),
		gorgonia.WithValue(tensor.New(tensor.WithShape(1, 2), tensor.WithBacking(words))))
}

func dropped(rows, width int, rate float64) subject {
	return subject{
		name:     fmt.Sprintf("%v of %d", rate, width),
		rows:     rows,
		operands: []operand{{width: width}},
		build: func(n gorgonia.Nodes) (*gorgonia.Node, error) {
			return op.Dropout(n[0], noise(n[0].Graph(), []int32{-7, 11}), rate, 1)
		},
	}
}

func TestDropout(t *testing.T) {
	conform(t, dropped(6, 13, 0.25), dropped(3, 8, 0.9), dropped(2, 30, 0))
	dropped(900, 300, 0.5).families(t) // large enough for threads to share
}

func TestDropoutIsAFunctionOfItsNoiseThatKeepsTheMean(t *testing.T) {
	const rows, width, rate = 200, 250, 0.3
	x := make([]float32, rows*width)
	for i := range x {
		x[i] = 1
	}
	mask := func(words []int32, layer uint32) []float32 {
		g := gorgonia.NewGraph()
		y, err := op.Dropout(input(g, "x", x, rows, width), noise(g, words), rate, layer)
		require.NoError(t, err)
		plan, err := compute.Compile(g, gorgonia.Nodes{y}, rows)
		require.NoError(t, err)
		require.NoError(t, plan.Run(rows))
		return plan.Output(0).Data().([]float32)
	}
	want := mask([]int32{1, 2}, 0)
	require.Equal(t, want, mask([]int32{1, 2}, 0))
	sum, zeros := 0.0, 0
	for _, v := range want {
		sum += float64(v)
		if v == 0 {
			zeros++
			continue
		}
		require.InDelta(t, 1/(1-rate), v, 1e-4)
	}
	n := float64(rows * width)
	require.InDelta(t, rate, float64(zeros)/n, 4*math.Sqrt(rate*(1-rate)/n), "share of zeros, four standard deviations")
	require.InDelta(t, 1, sum/n, 0.01)
	for name, other := range map[string][]float32{
		"lower half": mask([]int32{2, 2}, 0), "upper half": mask([]int32{1, 3}, 0), "layer": mask([]int32{1, 2}, 1),
	} {
		same := 0
		for i, v := range other {
			if (v == 0) == (want[i] == 0) {
				same++
			}
		}
		// Two independent masks agree where both drop or both keep.
		require.InDelta(t, rate*rate+(1-rate)*(1-rate), float64(same)/n, 0.01, name)
	}
	g := gorgonia.NewGraph()
	for _, bad := range []float64{-0.1, 1, math.NaN()} {
		_, err := op.Dropout(input(g, "x", x, rows, width), noise(g, []int32{0, 0}), bad, 0)
		require.ErrorContains(t, err, "rate of a dropout")
	}
}
