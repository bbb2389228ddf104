package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// AVX-512 has no tile for each number of rows; here AVX2 does without some, too.
func TestRowsWithoutATileOfTheirHeightAreComposed(t *testing.T) {
	s := native(AVX2)
	if s == nil {
		t.Skip("this processor does not run the avx2 kernels")
	}
	few := s.tiled.tiles
	few.tile = map[shape]tileFunc{}
	for shape, f := range s.tiled.tile {
		if shape.rows != 3 && shape.rows != 5 {
			few.tile[shape] = f
		}
	}
	s.tiled = newBlocked(few)
	s.f.gemm = s.tiled.gemm
	ws := make([]float32, Workspace)
	const n, k = 37, 20
	for m := 1; m < 20; m++ {
		a, b := make([]float32, m*k), make([]float32, n*k)
		for i := range a {
			a[i] = float32(i%7) - 2
		}
		for i := range b {
			b[i] = float32(i%5) - 3
		}
		want, got := make([]float32, m*n), make([]float32, m*n)
		for _, cols := range []int{5, 16, n} {
			portable().GemmNN(want, a, b, m, cols, k, n, k, n, false, ws)
			s.GemmNN(got, a, b, m, cols, k, n, k, n, false, ws)
			require.Equal(t, want, got, "%d rows, %d columns", m, cols)
			portable().GemmNT(want, a, b, m, cols, k, n, k, k, false, ws)
			s.GemmNT(got, a, b, m, cols, k, n, k, k, false, ws)
			require.Equal(t, want, got, "%d rows, %d columns, transposed", m, cols)
		}
	}
}
