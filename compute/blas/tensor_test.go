package blas_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	perennial "github.com/perennial-ml/perennial/compute/blas"
)

var _ tensor.BLAS = perennial.Implementation{}

// network is a user's own program: a perceptron of Gorgonia's ops, its loss and gradients on
// a TapeMachine.
type network struct {
	vm     gorgonia.VM
	learns gorgonia.Nodes
}

func newNetwork(t testing.TB, rows int, widths ...int) *network {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 8))
	g := gorgonia.NewGraph()
	matrix := func(name string, m, n int) *gorgonia.Node {
		data := values(r, m*n)
		for i := range data {
			data[i] *= 0.05
		}
		return gorgonia.NewMatrix(g, gorgonia.Float32, gorgonia.WithShape(m, n), gorgonia.WithName(name),
			gorgonia.WithValue(tensor.New(tensor.WithShape(m, n), tensor.WithBacking(data))))
	}
	n := &network{}
	x := matrix("x", rows, widths[0])
	for i := range widths[1:] {
		w := matrix(fmt.Sprint("w", i), widths[i], widths[i+1])
		n.learns = append(n.learns, w)
		x = gorgonia.Must(gorgonia.Tanh(gorgonia.Must(gorgonia.Mul(x, w))))
	}
	_, err := gorgonia.Grad(gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(x)))), n.learns...)
	require.NoError(t, err)
	n.vm = gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(n.learns...))
	return n
}

func (n *network) run(t testing.TB) {
	n.vm.Reset()
	if err := n.vm.RunAll(); err != nil {
		t.Fatal(err)
	}
}

// use makes b the process's BLAS until the test ends.
func use(t testing.TB, b tensor.BLAS) {
	tensor.Use(b)
	t.Cleanup(func() { tensor.Use(gonum.Implementation{}) })
}

func TestTheTapeMachineComputesTheSameToWithinRounding(t *testing.T) {
	gradients := func() [][]float32 {
		n := newNetwork(t, 32, 100, 64, 10)
		defer n.vm.Close()
		n.run(t)
		var out [][]float32
		for _, w := range n.learns {
			d, err := w.Grad()
			require.NoError(t, err)
			out = append(out, append([]float32(nil), d.Data().([]float32)...))
		}
		return out
	}
	want := gradients()
	use(t, perennial.New())
	for i, got := range gradients() {
		require.InDeltaSlice(t, want[i], got, 1e-6)
		require.NotEqual(t, make([]float32, len(got)), got)
	}
}

func ExampleNew() {
	blas32.Use(perennial.New())
	defer blas32.Use(gonum.Implementation{})

	a := blas32.General{Rows: 2, Cols: 2, Stride: 2, Data: []float32{1, 2, 3, 4}}
	b := blas32.General{Rows: 2, Cols: 2, Stride: 2, Data: []float32{5, 6, 7, 8}}
	c := blas32.General{Rows: 2, Cols: 2, Stride: 2, Data: make([]float32, 4)}
	blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, a, b, 0, c)
	fmt.Println(c.Data)
	// Output: [19 22 43 50]
}

// BenchmarkTapeMachine is what a user's Gorgonia program gains.
func BenchmarkTapeMachine(b *testing.B) {
	for _, rows := range []int{1, 10, 64, 256} {
		for _, bc := range []struct {
			name string
			blas tensor.BLAS
		}{{"gonum", gonum.Implementation{}}, {"ours", perennial.New()}} {
			b.Run(fmt.Sprintf("784-256-256-10/rows=%d/%s", rows, bc.name), func(b *testing.B) {
				use(b, bc.blas)
				n := newNetwork(b, rows, 784, 256, 256, 10)
				defer n.vm.Close()
				n.run(b)
				for b.Loop() {
					n.run(b)
				}
			})
		}
	}
}

func BenchmarkSgemm(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{16, 64, 256, 512} {
		x, y, c := values(r, n*n), values(r, n*n), make([]float32, n*n)
		for _, bc := range []struct {
			name string
			blas blas.Float32Level3
		}{{"gonum", gonum.Implementation{}}, {"ours", perennial.New()}} {
			b.Run(fmt.Sprintf("%d/%s", n, bc.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					bc.blas.Sgemm(blas.NoTrans, blas.NoTrans, n, n, n, 1, x, n, y, n, 0, c, n)
				}
				b.ReportMetric(2*float64(n*n*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
