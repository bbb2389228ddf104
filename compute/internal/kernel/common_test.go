package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// Rows that begin with one value, none, a few or all of them, have the bits of multiplying
// everything out, also where the value is 0, -0 or not finite, or some row has another one.
func TestRowsThatBeginAlikeHaveTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r, ws := rand.New(rand.NewPCG(1, 2)), make([]float32, kernel.Workspace)
		minus := float32(math.Copysign(0, -1))
		for round := range 120 {
			m, n, k := 2+r.IntN(50), 50+r.IntN(60), 10+r.IntN(200)
			ldx, common := k+r.IntN(2), r.IntN(k+1)
			x, w, bias := values(r, m*ldx), values(r, k*n), values(r, n)
			value := []float32{-0.42, 3, 0, minus, inf, nan}[round%6]
			for i := range m {
				for p := range common {
					x[i*ldx+p] = value
				}
			}
			if round%4 == 0 && common > 0 { // the one that differs, in its sign at least
				x[r.IntN(m)*ldx+r.IntN(common)] = -value
			}
			act := []kernel.Act{kernel.Identity, kernel.ReLU, kernel.GELU}[round%3]
			want, got := make([]float32, m*n), make([]float32, m*n)
			portable.Affine(want, x, w, bias, m, n, k, n, ldx, n, act, ws)
			s.Affine(got, x, w, bias, m, n, k, n, ldx, n, act, ws)
			requireBits(t, want, got, fmt.Sprintf("round %d, %d×%d, %d of %d terms alike", round, m, n, common, k))
		}
	})
}

// BenchmarkCommon is the product of rows of which leading elements are alike.
func BenchmarkCommon(b *testing.B) {
	const m, n, k = 20, 512, 784
	s, r, ws := kernel.Best(), rand.New(rand.NewPCG(1, 2)), make([]float32, kernel.Workspace)
	x, w, dst := fresh(values(r, m*k)), fresh(values(r, k*n)), make([]float32, m*n)
	for _, common := range []int{0, 28, 84, 140} {
		for i := range m {
			for p := range common {
				x[i*k+p] = -0.42
			}
		}
		b.Run(fmt.Sprintf("%dx%dx%d/common=%d", m, n, k, common), func(b *testing.B) {
			run := func() { s.Affine(dst, x, w, w[:n], m, n, k, n, k, n, kernel.ReLU, ws) }
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			report(b, s, 2*m*n*k, 4*(m*n+m*k+k*n), run)
		})
	}
}
