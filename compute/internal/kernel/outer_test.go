package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// sparseValues are values of which a share is 0 or -0, and a few are as small as there are.
func sparseValues(r *rand.Rand, n int, share float64) []float32 {
	x := values(r, n)
	for i := range x {
		switch {
		case r.Float64() < share:
			x[i] = float32(math.Copysign(0, r.NormFloat64()))
		case r.IntN(8) == 0:
			x[i] = float32(math.Copysign(1e-30, r.NormFloat64()))
		}
	}
	return x
}

// The step from the factors is that of their product as portable code multiplies it out and
// takes it, also where parameters are -0, gradients round to -0, and the sums begin at 0.
func TestAdagradOuterHasTheBitsOfTheProduct(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r := set.NewUpdater(), rand.New(rand.NewPCG(1, 2))
		for round := range 300 {
			m, n := 1+r.IntN(36), 8*(1+r.IntN(12))
			if round%4 == 3 { // columns beside groups
				n += 1 + r.IntN(7)
			}
			if round%50 == 49 { // more than is worked on at a time
				m, n = 230, 80
			}
			x, y := sparseValues(r, m, 0.3), sparseValues(r, n, []float64{0, 0.3, 0.5, 0.7, 0.95, 1}[round%6])
			theta, sum, g := sparseValues(r, m*n, 0.2), sparseValues(r, m*n, 0.2), make([]float32, m*n)
			for i, v := range sum {
				sum[i] = v * v
			}
			h := hyper
			h.Scale = 1
			if round%2 == 0 {
				h.Factor = 1
			}
			wantTheta, wantSum := append([]float32(nil), theta...), append([]float32(nil), sum...)
			portable.Ger(g, x, y, m, n, n, false)
			require.True(t, portable.NewUpdater().Adagrad(wantTheta, wantTheta, g, wantSum, wantSum, nil, &h))
			finite, ok := u.AdagradOuter(theta, sum, x, y, &h)
			require.True(t, ok)
			require.True(t, finite)
			msg := fmt.Sprintf("round %d, %d×%d", round, m, n)
			requireBits(t, wantTheta, theta, msg)
			requireBits(t, wantSum, sum, msg)
		}
	})
}

func TestAdagradOuterTellsWhatIsNotFinite(t *testing.T) {
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r := set.NewUpdater(), rand.New(rand.NewPCG(3, 4))
		h := hyper
		h.Scale = 1
		for round := range 60 {
			m, n := 20, 40
			if round%3 == 0 {
				n = 43
			}
			x, y := values(r, m), sparseValues(r, n, 0.5)
			theta, sum := values(r, m*n), make([]float32, m*n)
			at := r.IntN(m * n)
			for y[at%n] == 0 {
				at = r.IntN(m * n)
			}
			if round%2 == 0 {
				theta[at] = []float32{inf, -inf, nan}[round/2%3]
			} else {
				sum[at] = []float32{inf, nan}[round/2%2]
			}
			finite, ok := u.AdagradOuter(theta, sum, x, y, &h)
			require.True(t, ok)
			require.False(t, finite, "round %d", round)
		}
	})
}

func TestAdagradOuterLeavesAloneWhatItIsNotMadeFor(t *testing.T) {
	families(t, func(t *testing.T, set *kernel.Set) {
		u := set.NewUpdater()
		h := hyper
		for _, tc := range []struct {
			name  string
			m, n  int
			scale float32
		}{
			{"few columns", 16, 7, 1}, {"a clipped gradient", 16, 8, 0.5}, {"no columns", 16, 0, 1}, {"no rows", 0, 16, 1},
		} {
			h.Scale = tc.scale
			_, ok := u.AdagradOuter(make([]float32, tc.m*tc.n), make([]float32, tc.m*tc.n), make([]float32, tc.m), make([]float32, tc.n), &h)
			require.False(t, ok, tc.name)
		}
	})
	_, ok := named(t, kernel.Portable).NewUpdater().AdagradOuter(make([]float32, 128), make([]float32, 128), make([]float32, 16), make([]float32, 8), &hyper)
	require.False(t, ok, "a family without the kernel")
}
