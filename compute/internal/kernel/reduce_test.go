package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

var reductions = map[string]func(s *kernel.Set, a, b []float32) float64{
	"sum":     func(s *kernel.Set, a, _ []float32) float64 { return float64(s.Sum(a)) },
	"dot":     func(s *kernel.Set, a, b []float32) float64 { return float64(s.Dot(a, b)) },
	"max":     func(s *kernel.Set, a, _ []float32) float64 { return float64(s.Max(a)) },
	"squares": func(s *kernel.Set, a, _ []float32) float64 { return s.SumSquares(a) },
	"norm":    func(s *kernel.Set, a, _ []float32) float64 { return s.Norm(a) },
	"exp": func(s *kernel.Set, a, b []float32) float64 {
		return float64(s.ExpSum(append([]float32(nil), b[:len(a)]...), a, s.Max(a)))
	},
}

func TestReductionsHaveTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(1, 2))
		x, y := values(r, 1100), values(r, 1100)
		for name, f := range reductions {
			for n := range 1100 {
				if n > 80 && n%97 != 0 {
					continue
				}
				want, got := f(portable, x[:n], y), f(s, x[:n], y)
				require.Equal(t, math.Float64bits(want), math.Float64bits(got), "%s of %d: %v, want %v", name, n, got, want)
			}
		}
	})
}

func TestReductionsAreNearTheExactOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x, y := values(r, 1000), values(r, 1000)
	var sum, dot, squares, size, dotSize float64
	largest := math.Inf(-1)
	for i, v := range x {
		v := float64(v)
		sum, size = sum+v, size+math.Abs(v)
		dot, dotSize = dot+v*float64(y[i]), dotSize+math.Abs(v*float64(y[i]))
		squares, largest = squares+v*v, max(largest, v)
	}
	for _, name := range kernel.Names() {
		s := named(t, name)
		require.InDelta(t, sum, s.Sum(x), 70*size*0x1p-24)
		require.InDelta(t, dot, s.Dot(x, y), 70*dotSize*0x1p-24)
		require.InEpsilon(t, squares, s.SumSquares(x), 1e-13)
		require.InEpsilon(t, math.Sqrt(squares), s.Norm(x), 1e-6)
		require.Equal(t, float32(largest), s.Max(x))
	}
}

func TestMaxPassesOverNaN(t *testing.T) {
	for _, name := range kernel.Names() {
		s := named(t, name)
		for n := 1; n < 40; n++ {
			for at := range n {
				x := make([]float32, n)
				for i := range x {
					x[i] = -float32(i) - 1
				}
				x[at] = nan
				want := float32(-1)
				if at == 0 {
					want = -2
				}
				if n == 1 {
					want = -inf
				}
				require.Equal(t, want, s.Max(x), "%s: %d of %d", name, at, n)
			}
		}
		require.Equal(t, -inf, s.Max(nil))
	}
}

func TestFiniteFindsOneBadElement(t *testing.T) {
	for _, name := range kernel.Names() {
		s := named(t, name)
		for _, n := range []int{1, 7, 16, 17, 100} {
			x := make([]float32, n)
			for i := range x {
				x[i] = math.MaxFloat32
			}
			require.True(t, s.Finite(x), "%s %d", name, n)
			for at := range x {
				for _, bad := range []float32{nan, inf, -inf} {
					x[at] = bad
					require.False(t, s.Finite(x), "%s: %v at %d of %d", name, bad, at, n)
				}
				x[at] = -math.MaxFloat32
			}
		}
		require.True(t, s.Finite(nil))
	}
}

func TestRowMapsHaveTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(5, 6))
		for n := 1; n < 70; n++ {
			m, ld := 1+r.IntN(9), n+r.IntN(3)
			x, row := values(r, m*ld), values(r, n)
			for _, acc := range []bool{false, true} {
				want, got := append([]float32(nil), row...), append([]float32(nil), row...)
				portable.ColSum(want, x, m, n, ld, acc)
				s.ColSum(got, x, m, n, ld, acc)
				requireBits(t, want, got, fmt.Sprint("column sums ", m, n))
			}
			want, got := append([]float32(nil), x...), append([]float32(nil), x...)
			portable.AddRow(want, row, m, n, ld)
			s.AddRow(got, row, m, n, ld)
			requireBits(t, want, got, "add row")
			portable.Softmax(want, x, m, n, ld, ld)
			s.Softmax(got, x, m, n, ld, ld)
			requireBits(t, want, got, "softmax")
		}
	})
}

func TestSoftmaxSumsToOne(t *testing.T) {
	s := kernel.Best()
	x := []float32{1000, 999, -1000, 5, 5, 5}
	s.Softmax(x, x, 2, 3, 3, 3)
	require.InDeltaSlice(t, []float32{0.7310586, 0.26894143, 0, 1. / 3, 1. / 3, 1. / 3}, x, 1e-6)
}
