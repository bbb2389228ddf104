package compute_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
)

// A gradient that is left as its factors has, in any cut, the bits of one that a run
// computes, and its factors outlive what else the run needs memory for.
func TestProductsGiveTheBitsOfTheWhole(t *testing.T) {
	t.Run("of few rows", func(t *testing.T) { testProducts(t, newNet(t, 9, 3, 50, 4), 9, 1) })
	t.Run("on threads", func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
		testProducts(t, newNet(t, 200, 97, 310, 3), 200, 3)
	})
}

func testProducts(t *testing.T, n *net, capacity, threads int) {
	whole, err := compute.Compile(n.g, n.roots, capacity, batchOf(n))
	require.NoError(t, err)
	products := make([]compute.Product, len(n.roots))
	with := []compute.Option{batchOf(n), compute.WithThreads(threads)}
	for i, root := range n.roots {
		with = append(with, compute.WithProduct(root, &products[i]))
	}
	left, err := compute.Compile(n.g, n.roots, capacity, with...)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	given := 0
	for _, rows := range []int{1, capacity, capacity / 2} {
		require.NoError(t, whole.Run(rows))
		require.NoError(t, left.Run(rows))
		for i := range n.roots {
			p := &products[i]
			if !p.Given() {
				require.Equal(t, whole.Output(i).Data(), left.Output(i).Data())
				continue
			}
			given++
			require.Nil(t, left.Output(i))
			want := whole.Output(i).Data().([]float32)
			m, width, terms := p.Shape()
			require.Equal(t, rows, terms)
			require.Len(t, want, m*width)
			norm := 0.0
			for _, v := range want {
				norm += float64(v) * float64(v)
			}
			bound := p.Bound()
			require.GreaterOrEqual(t, bound*(1+1e-5), math.Sqrt(norm))
			p.Know([]float32{1}, 1e9)
			require.Equal(t, bound, p.Bound(), "the norm of what is no factor of it says nothing")
			from := r.IntN(m)
			to := from + 1 + r.IntN(m-from)
			got := make([]float32, (to-from)*width)
			p.Rows(got, from, to, 0)
			require.Equal(t, want[from*width:to*width], got, "rows %d to %d of root %d", from, to, i)
			all := make([]float32, m*width)
			p.Write(all)
			require.Equal(t, want, all, "root %d", i)
		}
	}
	require.Positive(t, given, "no root was a product")
	require.Contains(t, left.String(), "by rows on demand")
}

// Rows of a gradient under inputs that have one value throughout are alike, whatever that is.
func TestFoldedProductsGiveTheBitsOfTheWhole(t *testing.T) {
	const capacity, in, width = 9, 150, 67
	for _, value := range []float32{0, float32(math.Copysign(0, -1)), -0.42} {
		for _, threads := range []int{1, 2} {
			n := newNet(t, capacity, in, width, 2)
			n.randomise(3)
			var p compute.Product
			plan, err := compute.Compile(n.g, n.roots, capacity, batchOf(n), compute.WithThreads(threads), compute.WithProduct(n.roots[2], &p))
			require.NoError(t, err)
			x := n.inputs[0]
			require.NoError(t, plan.Run(capacity))
			require.Nil(t, p.Fold(), "no two columns are alike")
			for i := range x {
				if j := i % in; j < 20 || j%3 == 0 || j > 130 {
					x[i] = value
				}
			}
			x[3*in+7], x[8*in+140] = 1, -value
			for _, rows := range []int{capacity, 4, 1} {
				if rows == 1 && value != 0 {
					require.NoError(t, plan.Run(rows))
					require.Nil(t, p.Fold())
					continue
				}
				require.NoError(t, plan.Run(rows))
				m, n, _ := p.Shape()
				want := make([]float32, m*n)
				p.Write(want)
				f := p.Fold()
				require.NotNil(t, f)
				require.Equal(t, value == 0, f.Zero)
				require.Less(t, int(f.Places[m]), m*2/3)
				alike, some := make([]float32, n), make([]float32, int(f.Places[m])*n)
				f.Alike(alike)
				f.Rows(some[5*n:], 5, int(f.Places[m]), 0)
				f.Rows(some[:5*n], 0, 5, 0)
				for i := range m {
					got := alike
					if at := int(f.Places[i]); int(f.Places[i+1]) > at {
						got = some[at*n : (at+1)*n]
					} else if f.Zero {
						require.Equal(t, make([]uint32, n), bitsOf(want[i*n:(i+1)*n]), "row %d is not +0", i)
					}
					require.Equal(t, bitsOf(want[i*n:(i+1)*n]), bitsOf(got), "row %d of %d rows with %v", i, rows, value)
				}
			}
		}
	}
}

func bitsOf(v []float32) (out []uint32) {
	for _, x := range v {
		out = append(out, math.Float32bits(x))
	}
	return out
}

// Where another node reads a root, it is computed as ever.
func TestAProductThatIsReadIsComputed(t *testing.T) {
	n := newNet(t, 4, 3, 5, 2)
	var read gorgonia.Nodes
	for _, root := range n.roots[1:] {
		if root.Shape().Dims() == 2 {
			read = append(read, root)
		}
	}
	require.NotEmpty(t, read)
	twice, err := gorgonia.Square(read[0])
	require.NoError(t, err)
	var p compute.Product
	plan, err := compute.Compile(n.g, gorgonia.Nodes{read[0], twice}, 4, batchOf(n), compute.WithProduct(read[0], &p))
	require.NoError(t, err)
	require.False(t, p.Given())
	require.NoError(t, plan.Run(4))
	require.NotNil(t, plan.Output(0))
}
