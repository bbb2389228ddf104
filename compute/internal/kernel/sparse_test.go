package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

func TestRowsOfATableAreGatheredAndScattered(t *testing.T) {
	const dim, size = 5, 200
	r := rand.New(rand.NewPCG(1, 2))
	table := make([]float32, dim*size)
	for i := range table {
		table[i] = float32(r.IntN(64)) // small integers: every sum is exact
	}
	rows, weights := make([]int32, 150), make([]float32, 150) // more than are fetched at once, some twice
	for i := range rows {
		rows[i], weights[i] = int32(r.IntN(size)), float32(r.IntN(8))
	}
	for _, name := range kernel.Names() {
		s := named(t, name)
		gathered := make([]float32, len(rows)*7)
		s.Gather(gathered, table, rows, dim, 7)
		var plain, weighted [dim]float32
		after, spread := append([]float32(nil), table...), append([]float32(nil), table...)
		for i, row := range rows {
			require.Equal(t, table[int(row)*dim:][:dim], gathered[i*7:][:dim])
			for c := range dim {
				v := table[int(row)*dim+c]
				plain[c] += v
				weighted[c] += weights[i] * v
				after[int(row)*dim+c] += v
				spread[int(row)*dim+c] += weights[i] * float32(c)
			}
		}
		sum := make([]float32, dim)
		s.BagSum(sum, table, rows, nil, dim)
		require.Equal(t, plain[:], sum)
		s.BagSum(sum, table, rows, weights, dim)
		require.Equal(t, weighted[:], sum)
		got := append([]float32(nil), table...)
		s.ScatterAdd(got, rows, gathered, dim, 7)
		require.Equal(t, after, got)
		copy(got, table)
		s.ScatterAxpy(got, rows, []float32{0, 1, 2, 3, 4}, weights, dim)
		require.Equal(t, spread, got)
	}
}

func ExampleSparseAdagrad() {
	weights := make([][2]float32, 8) // weight, sum of squares
	active := []int32{2, 5}
	kernel.SparseAdagrad(weights, active, nil, -0.5, 0.1, 1e-10)
	fmt.Println(weights[2][0], weights[5][1], weights[0])
	// Output: 0.1 0.25 [0 0]
}

func TestSparseVectorsAreTakenInOrder(t *testing.T) {
	w := []float32{1, 2, 4, 8}
	require.Equal(t, float32(0.5+8+1+8), kernel.SparseDot(w, []int32{3, 0, 3}, nil, 0.5))
	require.Equal(t, float32(0.5+16+1), kernel.SparseDot(w, []int32{3, 0}, []float32{2, 1}, 0.5))
	kernel.SparseAxpy(w, []int32{1, 1}, []float32{3, 5}, 2)
	require.Equal(t, []float32{1, 18, 4, 8}, w)
	kernel.SparseAxpy(w, []int32{0}, nil, 2)
	require.Equal(t, []float32{3, 18, 4, 8}, w)
}
