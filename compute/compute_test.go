package compute_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

// net is a network of two layers with a loss, and its inputs' memory.
type net struct {
	g      *gorgonia.ExprGraph
	roots  gorgonia.Nodes // loss, gradients
	inputs [][]float32
}

func newNet(t testing.TB, rows, in, hidden, out int) *net {
	t.Helper()
	n := &net{g: gorgonia.NewGraph()}
	x := n.input("x", rows, in)
	w1, b1 := n.input("w1", in, hidden), n.input("b1", hidden)
	w2, b2 := n.input("w2", hidden, out), n.input("b2", out)
	targets, weights := n.input("targets", rows, out), n.input("weights", rows)
	h, err := op.Affine(x, w1, b1, op.Tanh)
	require.NoError(t, err)
	z, err := op.Affine(h, w2, b2, op.Identity)
	require.NoError(t, err)
	loss, err := op.SquaredError(z, targets, weights)
	require.NoError(t, err)
	grads, err := gorgonia.Grad(loss, w1, b1, w2, b2)
	require.NoError(t, err)
	n.roots = append(gorgonia.Nodes{loss, z}, grads...)
	return n
}

func (n *net) input(name string, shape ...int) *gorgonia.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float32))
	n.inputs = append(n.inputs, v.Float32s())
	return gorgonia.NewTensor(n.g, gorgonia.Float32, len(shape),
		gorgonia.WithShape(shape...), gorgonia.WithName(name), gorgonia.WithValue(v))
}

func (n *net) randomise(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for _, data := range n.inputs {
		for i := range data {
			data[i] = float32(r.NormFloat64())
		}
	}
	last := n.inputs[len(n.inputs)-1]
	for i := range last {
		last[i] = float32(r.Float64())
	}
}

func outputs(t testing.TB, r compute.Runner, roots int) []any {
	t.Helper()
	out := make([]any, roots)
	for i := range out {
		switch v := r.Output(i).Data().(type) {
		case []float32:
			out[i] = append([]float32(nil), v...)
		default:
			out[i] = v
		}
	}
	return out
}

// The layers of 200 columns are wide enough for gonum to multiply on several threads.
func TestSequenceGivesTheBitsOfTheTapeMachine(t *testing.T) {
	for _, dims := range [][4]int{{1, 3, 4, 1}, {7, 5, 6, 3}, {64, 16, 64, 1}, {130, 70, 300, 5}} {
		t.Run(fmt.Sprint(dims), func(t *testing.T) {
			a := newNet(t, dims[0], dims[1], dims[2], dims[3])
			b := newNet(t, dims[0], dims[1], dims[2], dims[3])
			tape, err := compute.NewTape(a.g, a.roots, dims[0])
			require.NoError(t, err)
			sequence, err := compute.NewSequence(b.g, b.roots, dims[0])
			require.NoError(t, err)
			for seed := range uint64(5) {
				a.randomise(seed)
				b.randomise(seed)
				require.NoError(t, tape.Run(dims[0]))
				require.NoError(t, sequence.Run(dims[0]))
				require.Equal(t, outputs(t, tape, len(a.roots)), outputs(t, sequence, len(b.roots)))
			}
		})
	}
}

func TestBitsDependOnNeitherThreadsNorAddresses(t *testing.T) {
	run := func(threads int) []any {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		n := newNet(t, 70, 67, 300, 3)
		n.randomise(9)
		s, err := compute.NewSequence(n.g, n.roots, 70)
		require.NoError(t, err)
		require.NoError(t, s.Run(70))
		return outputs(t, s, len(n.roots))
	}
	want := run(1)
	for range 4 {
		require.Equal(t, want, run(1))
		require.Equal(t, want, run(2))
	}
}

func TestOutputsStayUntilTheNextRun(t *testing.T) {
	n := newNet(t, 4, 3, 5, 2)
	n.randomise(1)
	s, err := compute.NewSequence(n.g, n.roots, 4)
	require.NoError(t, err)
	require.NoError(t, s.Run(4))
	before := outputs(t, s, len(n.roots))
	n.randomise(2)
	require.Equal(t, before, outputs(t, s, len(n.roots)))
	require.NoError(t, s.Run(4))
	require.NotEqual(t, before, outputs(t, s, len(n.roots)))
}

func TestRunnersRunStockGorgoniaOps(t *testing.T) {
	g := gorgonia.NewGraph()
	x := gorgonia.NewVector(g, gorgonia.Float32, gorgonia.WithShape(3), gorgonia.WithName("x"),
		gorgonia.WithValue(tensor.New(tensor.WithBacking([]float32{1, 2, 3}))))
	sum := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(x))))
	s, err := compute.NewSequence(g, gorgonia.Nodes{sum}, 1)
	require.NoError(t, err)
	require.NoError(t, s.Run(1))
	require.EqualValues(t, float32(14), s.Output(0).Data())
}

func TestRunnersRefuse(t *testing.T) {
	makers := map[string]func(*gorgonia.ExprGraph, gorgonia.Nodes, int) (compute.Runner, error){
		"tape": func(g *gorgonia.ExprGraph, r gorgonia.Nodes, c int) (compute.Runner, error) {
			return compute.NewTape(g, r, c)
		},
		"sequence": func(g *gorgonia.ExprGraph, r gorgonia.Nodes, c int) (compute.Runner, error) {
			return compute.NewSequence(g, r, c)
		},
	}
	for name, build := range makers {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, 4, 3, 5, 2)
			_, err := build(n.g, n.roots, 0)
			require.ErrorIs(t, err, compute.ErrGraph, "no capacity")
			_, err = build(n.g, nil, 4)
			require.ErrorIs(t, err, compute.ErrGraph, "no roots")

			r, err := build(n.g, n.roots, 4)
			require.NoError(t, err)
			require.ErrorIs(t, r.Run(0), compute.ErrRows)
			require.ErrorIs(t, r.Run(5), compute.ErrRows)

			g := gorgonia.NewGraph()
			x := gorgonia.NewMatrix(g, gorgonia.Float32, gorgonia.WithShape(2, 2), gorgonia.WithName("lonely"))
			_, err = build(g, gorgonia.Nodes{gorgonia.Must(gorgonia.Square(x))}, 2)
			require.ErrorIs(t, err, compute.ErrGraph, "an input without a value")
			require.ErrorContains(t, err, "lonely")
		})
	}
}

func Example() {
	g := gorgonia.NewGraph()
	input := func(name string, data []float32, shape ...int) *gorgonia.Node {
		return gorgonia.NewTensor(g, gorgonia.Float32, len(shape), gorgonia.WithShape(shape...),
			gorgonia.WithName(name), gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
	}
	rows := []float32{1, 2, 3, 4}
	x := input("x", rows, 2, 2)
	w := input("w", []float32{1, -1}, 2, 1)
	b := input("b", []float32{0.5}, 1)
	y, err := op.Affine(x, w, b, op.ReLU)
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := compute.NewSequence(g, gorgonia.Nodes{y}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, first := range []float32{1, 5} {
		rows[0] = first // an input is written in place
		if err := run.Run(2); err != nil {
			fmt.Println(err)
		}
		fmt.Println(run.Output(0).Data())
	}
	// Output:
	// [0 0]
	// [3.5 0]
}

func BenchmarkRunners(b *testing.B) {
	for _, name := range []string{"tape", "sequence"} {
		b.Run(name, func(b *testing.B) {
			n := newNet(b, 1, 16, 16, 1)
			n.randomise(1)
			var r compute.Runner
			var err error
			if name == "tape" {
				r, err = compute.NewTape(n.g, n.roots, 1)
			} else {
				r, err = compute.NewSequence(n.g, n.roots, 1)
			}
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Run(1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
