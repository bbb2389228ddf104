package compute_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

// batchOf returns the inputs of newNet that have rows: x, targets, weights.
func batchOf(n *net) compute.Option {
	var in gorgonia.Nodes
	for _, v := range n.g.AllNodes() {
		if v.Name() == "x" || v.Name() == "targets" || v.Name() == "weights" {
			in = append(in, v)
		}
	}
	return compute.WithBatch(in...)
}

func requireNear(t *testing.T, want, got any, tolerance float64, what string) {
	t.Helper()
	flat := func(v any) []float64 {
		switch v := v.(type) {
		case float64:
			return []float64{v}
		case float32:
			return []float64{float64(v)}
		}
		var out []float64
		for _, x := range v.([]float32) {
			out = append(out, float64(x))
		}
		return out
	}
	w, g := flat(want), flat(got)
	require.Len(t, g, len(w), what)
	for i := range w {
		require.InDelta(t, w[i], g[i], tolerance*(1+math.Abs(w[i])), "%s, value %d", what, i)
	}
}

func TestPlanEqualsTheTapeMachineWithinRounding(t *testing.T) {
	for _, dims := range [][4]int{{1, 3, 4, 1}, {7, 5, 6, 3}, {64, 16, 64, 1}, {130, 70, 300, 5}} {
		t.Run(fmt.Sprint(dims), func(t *testing.T) {
			a, b := newNet(t, dims[0], dims[1], dims[2], dims[3]), newNet(t, dims[0], dims[1], dims[2], dims[3])
			tape, err := compute.NewTape(a.g, a.roots, dims[0])
			require.NoError(t, err)
			plan, err := compute.Compile(b.g, b.roots, dims[0], batchOf(b))
			require.NoError(t, err)
			for seed := range uint64(3) {
				a.randomise(seed)
				b.randomise(seed)
				require.NoError(t, tape.Run(dims[0]))
				require.NoError(t, plan.Run(dims[0]))
				want, got := outputs(t, tape, len(a.roots)), outputs(t, plan, len(b.roots))
				for i := range want {
					requireNear(t, want[i], got[i], 2e-5, fmt.Sprint("root ", i))
				}
			}
		})
	}
}

func TestPlanOfFewerRowsEqualsASmallerPlan(t *testing.T) {
	wide := newNet(t, 40, 7, 33, 3)
	plan, err := compute.Compile(wide.g, wide.roots, 40, batchOf(wide))
	require.NoError(t, err)
	ok, why := plan.Partial()
	require.True(t, ok, why)
	for _, rows := range []int{40, 1, 13, 39, 2} {
		small := newNet(t, rows, 7, 33, 3)
		exact, err := compute.Compile(small.g, small.roots, rows)
		require.NoError(t, err)
		small.randomise(uint64(rows))
		wide.randomise(99) // what lies beyond the rows is anything
		for i, in := range small.inputs {
			copy(wide.inputs[i], in)
		}
		for _, in := range []int{0, 5, 6} {
			for j := len(small.inputs[in]); j < len(wide.inputs[in]); j++ {
				wide.inputs[in][j] = float32(math.NaN())
			}
		}
		require.NoError(t, plan.Run(rows))
		require.NoError(t, exact.Run(rows))
		want, got := outputs(t, exact, len(small.roots)), outputs(t, plan, len(wide.roots))
		got[1] = got[1].([]float32)[:rows*3]
		require.Equal(t, want, got, "%d rows", rows)
	}
}

func TestBitsDependOnNeitherKernelsNorThreadsNorTime(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	run := func(with ...compute.Option) []any {
		n := newNet(t, 200, 97, 310, 3)
		n.randomise(4)
		p, err := compute.Compile(n.g, n.roots, 200, append(with, batchOf(n))...)
		require.NoError(t, err)
		require.NoError(t, p.Run(171))
		n.randomise(9)
		require.NoError(t, p.Run(200))
		return outputs(t, p, len(n.roots))
	}
	want := run(compute.WithKernels("portable"))
	require.Equal(t, want, run())
	require.Equal(t, want, run(compute.WithThreads(2)))
	require.Equal(t, want, run(compute.WithThreads(5), compute.WithTiming()))
	runtime.GOMAXPROCS(1)
	require.Equal(t, want, run(compute.WithThreads(2)))
}

func TestARunAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 3} {
		n := newNet(t, 256, 100, 100, 3)
		n.randomise(1)
		p, err := compute.Compile(n.g, n.roots, 256, batchOf(n), compute.WithThreads(threads))
		require.NoError(t, err)
		rows := 0
		require.Less(t, testing.AllocsPerRun(50, func() {
			rows = rows%256 + 37
			if err := p.Run(min(rows, 256)); err != nil {
				t.Error(err)
			}
		}), 1.0, "%d threads", threads)
	}
}

// stockGraph builds one graph of Gorgonia's own ops.
type stockGraph struct {
	name  string
	build func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error)
	whole bool // it must run the full capacity
	falls bool // some node has no kernel
}

func must2(n *gorgonia.Node, err error) *gorgonia.Node { return gorgonia.Must(n, err) }

var stockGraphs = []stockGraph{
	{name: "matmul, broadcast add, relu", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		z := must2(gorgonia.BroadcastAdd(must2(gorgonia.Mul(x, w)), b, nil, []byte{0}))
		return gorgonia.Rectify(z)
	}},
	{name: "add, sub, product", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		a := must2(gorgonia.Add(x, must2(gorgonia.HadamardProd(x, x))))
		return gorgonia.Sub(a, must2(gorgonia.Neg(x)))
	}},
	{name: "quotient", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		one := gorgonia.NewConstant(float32(1.5))
		return gorgonia.HadamardDiv(x, must2(gorgonia.Add(must2(gorgonia.Square(x)), one)))
	}},
	{name: "scalars on either side", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		two := gorgonia.NewConstant(float32(2))
		a := must2(gorgonia.Sub(two, x))
		return gorgonia.Mul(must2(gorgonia.Sub(a, two)), two)
	}},
	{name: "sigmoid, tanh, exp", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Exp(must2(gorgonia.Tanh(must2(gorgonia.Sigmoid(x)))))
	}},
	{name: "log, sqrt", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		pos := must2(gorgonia.Add(must2(gorgonia.Square(x)), gorgonia.NewConstant(float32(0.5))))
		return gorgonia.Add(must2(gorgonia.Log(pos)), must2(gorgonia.Sqrt(pos)))
	}},
	{name: "softplus, cube, inverse", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Inverse(must2(gorgonia.Add(must2(gorgonia.Softplus(x)), must2(gorgonia.Square(must2(gorgonia.Cube(x)))))))
	}},
	{name: "softmax", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.SoftMax(must2(gorgonia.Mul(x, w)))
	}},
	{name: "log softmax", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.LogSoftMax(must2(gorgonia.Mul(x, w)))
	}},
	{name: "softmax of one row", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		row := must2(gorgonia.Reshape(must2(gorgonia.Sum(x, 0)), []int{1, stockIn}))
		return gorgonia.HadamardProd(must2(gorgonia.SoftMax(row)), must2(gorgonia.LogSoftMax(must2(gorgonia.Tanh(row)))))
	}},
	{name: "sum of each row", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Sum(must2(gorgonia.HadamardProd(x, x)), 1)
	}},
	{name: "sum of each column", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Sum(must2(gorgonia.HadamardProd(x, x)), 0)
	}},
	{name: "matrix times vector", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Mul(x, v)
	}},
	{name: "concat and slice within rows", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		c := must2(gorgonia.Concat(1, x, must2(gorgonia.Tanh(x))))
		return gorgonia.Slice(c, nil, gorgonia.S(2, 6))
	}},
	{name: "one column", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Slice(must2(gorgonia.Square(x)), nil, gorgonia.S(1))
	}},
	{name: "transpose of the weights", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Mul(must2(gorgonia.Mul(x, w)), must2(gorgonia.Transpose(w, 1, 0)))
	}},
	{name: "transpose of the rows", whole: true, build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Mul(must2(gorgonia.Transpose(x, 1, 0)), x)
	}},
	{name: "slice of the rows", whole: true, build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Slice(x, gorgonia.S(1, 3))
	}},
	{name: "mean", build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Mean(must2(gorgonia.Square(x)))
	}, whole: true},
	{name: "no kernel: sine", whole: true, falls: true, build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.HadamardProd(must2(gorgonia.Sin(x)), x)
	}},
	{name: "no kernel: power", whole: true, falls: true, build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Pow(must2(gorgonia.Square(x)), gorgonia.NewConstant(float32(1.5)))
	}},
	{name: "no kernel: maximum", whole: true, falls: true, build: func(x, w, v, b *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Max(must2(gorgonia.Square(x)), 1)
	}},
}

const stockRows, stockIn, stockOut = 6, 4, 5

func (s stockGraph) graph(t *testing.T) (g *gorgonia.ExprGraph, x *gorgonia.Node, roots gorgonia.Nodes) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 5))
	g = gorgonia.NewGraph()
	input := func(name string, shape ...int) *gorgonia.Node {
		v := tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float32))
		for i := range v.Float32s() {
			v.Float32s()[i] = float32(r.NormFloat64())
		}
		return gorgonia.NewTensor(g, gorgonia.Float32, len(shape), gorgonia.WithShape(shape...),
			gorgonia.WithName(name), gorgonia.WithValue(v))
	}
	x = input("x", stockRows, stockIn)
	w, v, b := input("w", stockIn, stockOut), input("v", stockIn), input("b", 1, stockOut)
	y, err := s.build(x, w, v, b)
	require.NoError(t, err)
	loss := y
	if !y.IsScalar() {
		loss, err = gorgonia.Sum(must2(gorgonia.Square(y)))
		require.NoError(t, err)
	}
	roots = gorgonia.Nodes{y, loss}
	if s.name != "no kernel: maximum" && s.name != "no kernel: power" {
		grads, err := gorgonia.Grad(loss, x)
		require.NoError(t, err)
		roots = append(roots, grads...)
	}
	return g, x, roots
}

func TestStockOpsEqualTheTapeMachine(t *testing.T) {
	for _, s := range stockGraphs {
		t.Run(s.name, func(t *testing.T) {
			g, x, roots := s.graph(t)
			var want []any
			for i := range roots { // a TapeMachine may overwrite a root that other roots read
				g, _, roots := s.graph(t)
				tape, err := compute.NewTape(g, roots[i:i+1], stockRows)
				require.NoError(t, err)
				require.NoError(t, tape.Run(stockRows))
				want = append(want, outputs(t, tape, 1)...)
			}
			plan, err := compute.Compile(g, roots, stockRows, compute.WithBatch(x))
			require.NoError(t, err)
			partial, why := plan.Partial()
			require.Equal(t, !s.whole, partial, "%s\n%v", why, plan)
			if !s.falls {
				require.NotContains(t, plan.String(), "Do of", "every node has a kernel")
			}
			for range 3 {
				require.NoError(t, plan.Run(stockRows))
				got := outputs(t, plan, len(roots))
				for i := range want {
					requireNear(t, want[i], got[i], 1e-5, fmt.Sprintf("root %d of\n%v", i, plan))
				}
			}
			if !partial {
				return
			}
			xs := x.Value().Data().([]float32)
			for i := 4 * stockIn; i < len(xs); i++ {
				xs[i] = float32(math.NaN())
			}
			require.NoError(t, plan.Run(4))
			loss := float64(0)
			for _, v := range plan.Output(0).Data().([]float32)[:min(4*max(1, len(want[0].([]float32))/stockRows), len(want[0].([]float32)))] {
				loss += float64(v) * float64(v)
			}
			if s.name == "sum of each column" {
				require.False(t, math.IsNaN(float64(plan.Output(1).Data().(float32))))
				return
			}
			requireNear(t, float32(loss), plan.Output(1).Data(), 1e-4, "the loss of 4 rows")
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	n := newNet(t, 4, 3, 5, 2)
	_, err := compute.Compile(n.g, n.roots, 0)
	require.ErrorIs(t, err, compute.ErrGraph)
	_, err = compute.Compile(n.g, nil, 4)
	require.ErrorIs(t, err, compute.ErrGraph)
	_, err = compute.Compile(n.g, n.roots, 4, compute.WithKernels("abacus"))
	require.ErrorContains(t, err, "abacus")
	_, err = compute.Compile(n.g, n.roots, 5, batchOf(n))
	require.ErrorIs(t, err, compute.ErrGraph)
	require.ErrorContains(t, err, "must have 5 rows")

	g := gorgonia.NewGraph()
	x := gorgonia.NewMatrix(g, gorgonia.Float32, gorgonia.WithShape(2, 2), gorgonia.WithName("lonely"))
	_, err = compute.Compile(g, gorgonia.Nodes{gorgonia.Must(gorgonia.Square(x))}, 2)
	require.ErrorIs(t, err, compute.ErrGraph)
	require.ErrorContains(t, err, "lonely of shape (2, 2)")

	p, err := compute.Compile(n.g, n.roots, 4)
	require.NoError(t, err)
	require.ErrorIs(t, p.Run(0), compute.ErrRows)
	require.ErrorIs(t, p.Run(5), compute.ErrRows)
}

// A deep net needs the memory of its activations, but only two gradients at a time.
func TestMemoryIsSharedByWhatIsNotNeededAtOnce(t *testing.T) {
	g := gorgonia.NewGraph()
	x := input(g, "x", 64, 64)
	h := x
	for i := range 10 {
		var err error
		h, err = op.Affine(h, input(g, fmt.Sprint("w", i), 64, 64), input(g, fmt.Sprint("b", i), 64), op.ReLU)
		require.NoError(t, err)
	}
	p, err := compute.Compile(g, gorgonia.Nodes{h}, 64)
	require.NoError(t, err)
	require.Contains(t, p.String(), fmt.Sprintf("arena of %d bytes (%d unshared)", 2*64*64*4, 10*64*64*4))
}

func input(g *gorgonia.ExprGraph, name string, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, gorgonia.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name),
		gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float32))))
}

func TestListingNamesWhatRuns(t *testing.T) {
	n := newNet(t, 4, 3, 5, 2)
	p, err := compute.Compile(n.g, n.roots, 4, batchOf(n), compute.WithTiming(), compute.WithKernels("portable"))
	require.NoError(t, err)
	require.NotContains(t, p.String(), "time")
	require.NoError(t, p.Run(3))
	text := p.String()
	for _, want := range []string{"plan for 4 rows", "portable kernels", "(4, 5)*", "affine tanh", "x w1 b1", "slope of squared error", "over", "µs"} {
		require.Contains(t, text, want)
	}
}

// A plan of two rows runs one as well, in the same memory.
func ExampleCompile() {
	g := gorgonia.NewGraph()
	x := input(g, "x", 2, 2)
	w := input(g, "w", 2, 1)
	b := input(g, "b", 1)
	copy(x.Value().Data().([]float32), []float32{1, 2, 3, 4})
	copy(w.Value().Data().([]float32), []float32{1, -1})
	y, err := op.Affine(x, w, b, op.Identity)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := compute.Compile(g, gorgonia.Nodes{y}, 2, compute.WithBatch(x))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rows := range []int{2, 1} {
		if err := plan.Run(rows); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(plan.Output(0).Data().([]float32)[:rows])
	}
	// Output:
	// [-1 -1]
	// [-1]
}
