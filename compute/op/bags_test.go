package op_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

// embedding is a machine of bags, pairs and a shift under a loss, with the memory of its
// inputs.
type embedding struct {
	g       *gorgonia.ExprGraph
	roots   gorgonia.Nodes // loss, then the gradients by table, x and b
	batch   gorgonia.Nodes
	table   []float32
	x, b    []float32
	ids     []int32
	weights []float32
}

func integers(g *gorgonia.ExprGraph, name string, data []int32, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, tensor.Int32, len(shape), gorgonia.WithShape(shape...),
		gorgonia.WithName(name), gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
}

const embeddingSize = 11

// newEmbedding has n ids a row, some of them absent and many of them equal.
func newEmbedding(t *testing.T, rows, n, per, dim int, weighted bool) *embedding {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	width := n / per * dim
	e := &embedding{
		g: gorgonia.NewGraph(), table: random(embeddingSize*dim, r), x: random(rows*width, r), b: random(width, r),
		ids: make([]int32, rows*n), weights: random(rows*n, r),
	}
	for i := range e.ids {
		e.ids[i] = r.Int32N(embeddingSize+1) - 1
	}
	targets, weights := random(rows, r), make([]float32, rows)
	for i := range weights {
		weights[i] = float32(r.Float64())
	}
	table, ids := input(e.g, "table", e.table, embeddingSize, dim), integers(e.g, "ids", e.ids, rows, n)
	x, b := input(e.g, "x", e.x, rows, width), input(e.g, "b", e.b, width)
	tn, wn := input(e.g, "targets", targets, rows, 1), input(e.g, "weights", weights, rows)
	e.batch = gorgonia.Nodes{ids, x, tn, wn}
	var idWeights *gorgonia.Node
	if weighted {
		idWeights = input(e.g, "id weights", e.weights, rows, n)
		e.batch = append(e.batch, idWeights)
	}
	y, err := op.Bags(table, ids, idWeights, per)
	require.NoError(t, err)
	y, err = gorgonia.Add(y, x)
	require.NoError(t, err)
	y, err = op.Shift(y, b)
	require.NoError(t, err)
	z, err := op.FactorPairs(y, dim)
	require.NoError(t, err)
	cost, err := op.SquaredError(z, tn, wn)
	require.NoError(t, err)
	grads, err := gorgonia.Grad(cost, table, x, b)
	require.NoError(t, err)
	e.roots = append(gorgonia.Nodes{cost}, grads...)
	return e
}

type embeddingCase struct {
	rows, n, per, dim int
	weighted          bool
}

func (c embeddingCase) String() string {
	return fmt.Sprintf("%d rows of %d in bags of %d, dim %d, weighted %v", c.rows, c.n, c.per, c.dim, c.weighted)
}

func (c embeddingCase) build(t *testing.T) *embedding {
	return newEmbedding(t, c.rows, c.n, c.per, c.dim, c.weighted)
}

var embeddingCases = []embeddingCase{
	{1, 3, 1, 4, false}, {5, 6, 1, 16, false}, {5, 6, 3, 3, false}, {4, 6, 2, 5, true}, {33, 4, 1, 1, false}, {7, 6, 2, 1, true}, {70, 4, 2, 17, true},
}

func TestBagsEqualTheTapeMachineAndFiniteDifferences(t *testing.T) {
	for _, c := range embeddingCases {
		t.Run(c.String(), func(t *testing.T) {
			a, b := c.build(t), c.build(t)
			tape, err := compute.NewTape(a.g, a.roots, c.rows)
			require.NoError(t, err)
			require.NoError(t, tape.Run(c.rows))
			plan, err := compute.Compile(b.g, b.roots, c.rows, compute.WithBatch(b.batch...))
			require.NoError(t, err)
			require.NotContains(t, plan.String(), "Do of")
			partial, why := plan.Partial()
			require.True(t, partial, why)
			at := func() float64 {
				require.NoError(t, plan.Run(c.rows))
				return plan.Output(0).Data().(float64)
			}
			require.InEpsilon(t, tape.Output(0).Data(), at(), 1e-4)
			for i, values := range [][]float32{b.table, b.x, b.b} {
				at()
				got := append([]float32(nil), plan.Output(1+i).Data().([]float32)...)
				for j, want := range tape.Output(1 + i).Data().([]float32) {
					require.InDelta(t, want, got[j], 1e-4*float64(1+abs(want)), "gradient %d, value %d", i, j)
				}
				for j := 0; j < len(values); j += 1 + len(values)/40 {
					old, h := values[j], float32(1.0/256)
					values[j] = old + h
					up := at()
					values[j] = old - h
					down := at()
					values[j] = old
					want := (up - down) / float64((old+h)-(old-h))
					require.InDelta(t, want, got[j], 2e-2*(1+float64(abs(got[j]))), "gradient %d, value %d", i, j)
				}
			}
		})
	}
}

func abs(x float32) float32 { return max(x, -x) }

func TestSparseResultHoldsTheRowsOfTheDenseOne(t *testing.T) {
	for _, c := range embeddingCases {
		t.Run(c.String(), func(t *testing.T) {
			a, b := c.build(t), c.build(t)
			dense, err := compute.Compile(a.g, a.roots, c.rows, compute.WithBatch(a.batch...))
			require.NoError(t, err)
			var got compute.Sparse
			sparse, err := compute.Compile(b.g, b.roots, c.rows, compute.WithBatch(b.batch...), compute.WithSparseResult(b.roots[1], &got))
			require.NoError(t, err)
			for _, rows := range []int{c.rows, 1, (c.rows + 1) / 2, c.rows} {
				require.NoError(t, dense.Run(rows))
				require.NoError(t, sparse.Run(rows))
				want := dense.Output(1).Data().([]float32)
				seen := make(map[int32]bool)
				for k, id := range got.Index {
					require.False(t, seen[id], "row %d occurs twice", id)
					seen[id] = true
					require.Equal(t, want[int(id)*c.dim:(int(id)+1)*c.dim], got.Values[k*c.dim:(k+1)*c.dim])
				}
				var order []int32
				for _, id := range b.ids[:rows*c.n] {
					if id >= 0 && seen[id] {
						order = append(order, id)
						seen[id] = false
					}
				}
				require.Equal(t, order, append([]int32(nil), got.Index...), "rows must stand in the order in which they first occur")
				for id := range embeddingSize {
					if _, touched := seen[int32(id)]; !touched {
						require.Equal(t, make([]float32, c.dim), want[id*c.dim:(id+1)*c.dim])
					}
				}
			}
			require.Nil(t, sparse.Output(1))
		})
	}
}

func TestBagsGiveEqualBitsOnEveryFamilyAndWithThreads(t *testing.T) {
	for _, c := range embeddingCases {
		results := map[string][]float32{}
		for _, family := range []string{"avx512", "avx2", "portable"} {
			for _, threads := range []int{1, 3} {
				e := c.build(t)
				var rows compute.Sparse
				plan, err := compute.Compile(e.g, e.roots, c.rows, compute.WithBatch(e.batch...), compute.WithKernels(family),
					compute.WithThreads(threads), compute.WithSparseResult(e.roots[1], &rows))
				if err != nil {
					t.Logf("%s is not there", family)
					continue
				}
				require.NoError(t, plan.Run(c.rows))
				got := append([]float32{float32(plan.Output(0).Data().(float64))}, rows.Values...)
				got = append(got, plan.Output(2).Data().([]float32)...)
				results[family] = got
				for other, want := range results {
					require.Equal(t, want, got, "%v: %s and %s", c, family, other)
				}
			}
		}
		require.NotEmpty(t, results)
	}
}

func TestSparseRunsAllocateNothing(t *testing.T) {
	e := newEmbedding(t, 9, 6, 1, 16, false)
	var rows compute.Sparse
	plan, err := compute.Compile(e.g, e.roots, 9, compute.WithBatch(e.batch...), compute.WithSparseResult(e.roots[1], &rows))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(50, func() {
		if err := plan.Run(7); err != nil {
			t.Error(err)
		}
	}))
}

func TestBagsRefuseWhatDoesNotFit(t *testing.T) {
	g := gorgonia.NewGraph()
	table := input(g, "table", make([]float32, 6), 3, 2)
	ids := []int32{0, 3}
	idNode := integers(g, "ids", ids, 1, 2)
	_, err := op.Bags(table, idNode, nil, 0)
	require.ErrorContains(t, err, "must be at least 1")
	_, err = op.Bags(table, integers(g, "odd", make([]int32, 3), 1, 3), nil, 2)
	require.ErrorIs(t, err, op.ErrShape)
	_, err = op.Bags(table, idNode, input(g, "w", make([]float32, 3), 1, 3), 1)
	require.ErrorIs(t, err, op.ErrShape)
	y, err := op.Bags(table, idNode, nil, 1)
	require.NoError(t, err)
	s, err := compute.NewSequence(g, gorgonia.Nodes{y}, 1)
	require.NoError(t, err)
	require.ErrorContains(t, s.Run(1), "id 3 at 1, the table has 3 rows")
	ids[1] = 2
	require.NoError(t, s.Run(1))

	_, err = compute.Compile(g, gorgonia.Nodes{y}, 1, compute.WithSparseResult(y, &compute.Sparse{}))
	require.ErrorIs(t, err, compute.ErrGraph)
	_, err = op.FactorPairs(table, 0)
	require.ErrorContains(t, err, "must be at least 1")
	_, err = op.FactorPairs(table, 4)
	require.ErrorIs(t, err, op.ErrShape)
	_, err = op.Shift(table, input(g, "b", make([]float32, 3), 3))
	require.ErrorIs(t, err, op.ErrShape)
}
