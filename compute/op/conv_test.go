package op_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

func convolved(rows int, in op.Image, win op.Window, filters int, act op.Activation) subject {
	return subject{
		name: fmt.Sprintf("%v over %v, %d filters, %s", win, in, filters, act),
		rows: rows,
		operands: []operand{
			{width: in.Size()}, {shape: []int{win.Size * win.Size * in.Channels, filters}}, {shape: []int{filters}},
		},
		build: func(n gorgonia.Nodes) (*gorgonia.Node, error) { return op.Conv2D(n[0], n[1], n[2], in, win, act) },
	}
}

func TestConv2D(t *testing.T) {
	conform(t,
		convolved(4, op.Image{Height: 6, Width: 5, Channels: 1}, op.Window{Size: 3, Stride: 1, Padding: 1}, 4, op.Identity),
		convolved(3, op.Image{Height: 5, Width: 7, Channels: 3}, op.Window{Size: 3, Stride: 2, Padding: 1}, 5, op.ReLU),
		convolved(3, op.Image{Height: 6, Width: 6, Channels: 6}, op.Window{Size: 3, Stride: 1}, 17, op.GELU),
		convolved(3, op.Image{Height: 7, Width: 6, Channels: 8}, op.Window{Size: 2, Stride: 3}, 3, op.Tanh),
		convolved(2, op.Image{Height: 3, Width: 4, Channels: 20}, op.Window{Size: 1, Stride: 1}, 6, op.Sigmoid),
		convolved(2, op.Image{Height: 4, Width: 4, Channels: 4}, op.Window{Size: 5, Stride: 1, Padding: 4}, 3, op.Identity),
		// large enough for threads to share
		convolved(2, op.Image{Height: 14, Width: 14, Channels: 16}, op.Window{Size: 3, Stride: 1, Padding: 1}, 32, op.Identity),
		convolved(2, op.Image{Height: 28, Width: 28, Channels: 16}, op.Window{Size: 3, Stride: 1, Padding: 1}, 8, op.ReLU),
	)
}

func TestConv2DOfOnePixelIsWhatTheEquationSays(t *testing.T) {
	g := gorgonia.NewGraph()
	// The middle pixel meets each tap once: position (i, j) sees it through tap (1-i, 1-j).
	image := []float32{0, 0, 0, 0, 2, 0, 0, 0, 0}
	filter := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	y, err := op.Conv2D(input(g, "x", image, 1, 9), input(g, "w", filter, 9, 1), input(g, "b", []float32{0.5}, 1),
		op.Image{Height: 3, Width: 3, Channels: 1}, op.Window{Size: 3, Stride: 1, Padding: 1}, op.Identity)
	require.NoError(t, err)
	require.Equal(t, []float32{18.5, 16.5, 14.5, 12.5, 10.5, 8.5, 6.5, 4.5, 2.5}, run(t, g, y).Output(0).Data())
}

func TestWindowsThatDoNotFitAreRefused(t *testing.T) {
	image := op.Image{Height: 4, Width: 5, Channels: 2}
	for _, tc := range []struct {
		in   op.Image
		win  op.Window
		want string
	}{
		{op.Image{Height: 4, Channels: 1}, op.Window{Size: 1, Stride: 1}, "image 4x0x1 must be at least 1x1x1"},
		{image, op.Window{Stride: 1}, "size of a window is 0"},
		{image, op.Window{Size: 2}, "stride of a window is 0"},
		{image, op.Window{Size: 3, Stride: 1, Padding: 3}, "padding of a window is 3, must be at least 0 and below its size"},
		{image, op.Window{Size: 3, Stride: 1, Padding: -1}, "padding of a window is -1"},
		{image, op.Window{Size: 7, Stride: 1, Padding: 1}, "size of a window is 7, must be at most that of the padded image"},
	} {
		_, err := tc.win.Over(tc.in, 1)
		require.ErrorIs(t, err, op.ErrShape)
		require.ErrorContains(t, err, tc.want)
	}
	g := gorgonia.NewGraph()
	x, b := input(g, "x", make([]float32, 80), 2, 40), input(g, "b", make([]float32, 3), 3)
	w := input(g, "w", make([]float32, 51), 17, 3)
	win := op.Window{Size: 3, Stride: 1, Padding: 1}
	_, err := op.Conv2D(x, w, b, image, win, op.ReLU)
	require.ErrorContains(t, err, "with filters (17, 3)")
	_, err = op.Conv2D(x, input(g, "v", make([]float32, 54), 18, 3), b, op.Image{Height: 4, Width: 4, Channels: 2}, win, op.ReLU)
	require.ErrorContains(t, err, "rows of 40 elements, must be images of 4x4x2")
	_, err = op.MaxPool(x, image, win)
	require.ErrorContains(t, err, "padding of a pool is 1, must be 0")
}

func pooled(kind string, rows int, in op.Image, win op.Window) subject {
	apply := op.MaxPool
	if kind == "mean" {
		apply = op.MeanPool
	}
	return subject{
		name:     fmt.Sprintf("%s of %v over %v", kind, win, in),
		rows:     rows,
		operands: []operand{{width: in.Size()}},
		build:    func(n gorgonia.Nodes) (*gorgonia.Node, error) { return apply(n[0], in, win) },
	}
}

func TestPools(t *testing.T) {
	for _, kind := range []string{"max", "mean"} {
		conform(t,
			pooled(kind, 3, op.Image{Height: 6, Width: 8, Channels: 3}, op.Window{Size: 2, Stride: 2}),
			pooled(kind, 2, op.Image{Height: 5, Width: 7, Channels: 1}, op.Window{Size: 2, Stride: 2}), // what fills no window is left out
			pooled(kind, 2, op.Image{Height: 6, Width: 5, Channels: 17}, op.Window{Size: 3, Stride: 2}),
			pooled(kind, 2, op.Image{Height: 5, Width: 5, Channels: 2}, op.Window{Size: 1, Stride: 2}),
			pooled(kind, 2, op.Image{Height: 4, Width: 3, Channels: 5}, op.Window{Size: 3, Stride: 1}),
		)
	}
}

// A pool has little to do: it takes many images until threads share them.
func TestThreadsMayShareAPool(t *testing.T) {
	for _, kind := range []string{"max", "mean"} {
		pooled(kind, 180, op.Image{Height: 28, Width: 28, Channels: 16}, op.Window{Size: 2, Stride: 2}).families(t)
	}
}

func TestTheGradientOfAMaximumGoesToTheFirstOfEqualPixels(t *testing.T) {
	g := gorgonia.NewGraph()
	x := input(g, "x", []float32{1, 3, 3, 0, 2, 3, 1, 1}, 1, 8)
	y, err := op.MaxPool(x, op.Image{Height: 2, Width: 4, Channels: 1}, op.Window{Size: 2, Stride: 2})
	require.NoError(t, err)
	loss, err := op.SquaredError(y, input(g, "t", []float32{1, 0}, 1, 2), input(g, "w", []float32{1}, 1))
	require.NoError(t, err)
	grads, err := gorgonia.Grad(loss, x)
	require.NoError(t, err)
	out := run(t, g, y, grads[0])
	require.Equal(t, []float32{3, 3}, out.Output(0).Data())
	require.Equal(t, []float32{0, 4, 6, 0, 0, 0, 0, 0}, out.Output(1).Data())
}
