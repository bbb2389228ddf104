package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// few returns values with many ties, and a NaN here and there.
func few(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.IntN(5) - 2)
		if r.IntN(40) == 0 {
			x[i] = nan
		}
	}
	return x
}

func TestPoolsHaveTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(1, 2))
		for n := 1; n <= 50; n++ {
			m, gap := 1+r.IntN(4), r.IntN(20)
			room := m * (n + gap)
			a, b, dst, rest := few(r, room), few(r, room), few(r, room), values(r, room)
			clone := func(x []float32) []float32 { return append([]float32(nil), x...) }
			want, got := clone(dst), clone(dst)
			portable.MaxRows(want, a, b, m, n, n+gap, n, n+gap)
			s.MaxRows(got, a, b, m, n, n+gap, n, n+gap)
			requireBits(t, want, got, fmt.Sprint("max of ", m, n, gap))

			want, got = clone(dst), clone(dst)
			left, kept := clone(rest), clone(rest)
			portable.RouteRows(want, left, a, b, m, n, n+gap, n, n+gap, n)
			s.RouteRows(got, kept, a, b, m, n, n+gap, n, n+gap, n)
			requireBits(t, want, got, fmt.Sprint("route ", m, n, gap))
			requireBits(t, left, kept, fmt.Sprint("rest of ", m, n, gap))
		}
	})
}

func TestMaxRowsKeepsWhatIsNotANumber(t *testing.T) {
	for _, name := range kernel.Names() {
		s, dst := named(t, name), make([]float32, 4)
		s.MaxRows(dst, []float32{nan, 1, -1, 0}, []float32{2, nan, 3, -4}, 1, 4, 4, 4, 4)
		require.True(t, dst[0] != dst[0] && dst[1] != dst[1], name)
		require.Equal(t, []float32{3, 0}, dst[2:], name)
	}
}

func TestAGradientIsRoutedOnce(t *testing.T) {
	for _, name := range kernel.Names() {
		s, rest := named(t, name), []float32{5, 7}
		dst := make([]float32, 6)
		x, y := []float32{1, 3, 2, 3, 2, 0}, []float32{2, 3}
		for tap := range 3 {
			s.RouteRows(dst[2*tap:], rest, x[2*tap:], y, 1, 2, 2, 2, 2, 2)
		}
		require.Equal(t, []float32{0, 7, 5, 0, 0, 0}, dst, name)
		require.Equal(t, []float32{0, 0}, rest, name)
	}
}
