package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// The step from the factors is that of their product as portable code multiplies it out and
// takes it, also where parameters are -0 and gradients round to -0.
func TestSGDOuterHasTheBitsOfTheProduct(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r := set.NewUpdater(), rand.New(rand.NewPCG(1, 2))
		for round := range 120 {
			m, n := 1+r.IntN(9), 8+r.IntN(60)
			if round%4 == 3 { // the last layer of a model with one output
				m, n = n, 1
			}
			x, y := sparseValues(r, m, 0.3), sparseValues(r, n, 0.3)
			theta, g := sparseValues(r, m*n, 0.2), make([]float32, m*n)
			h := hyper
			h.Scale = 1
			if round%2 == 0 {
				h.Factor = 1
			}
			want := append([]float32(nil), theta...)
			portable.Ger(g, x, y, m, n, n, false)
			require.True(t, portable.NewUpdater().SGD(want, want, g, nil, &h))
			finite, ok := u.SGDOuter(theta, x, y, &h)
			require.True(t, ok)
			require.True(t, finite)
			requireBits(t, want, theta, fmt.Sprintf("round %d, %d×%d", round, m, n))
		}
	})
}

func TestSGDOuterTellsWhatIsNotFinite(t *testing.T) {
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r := set.NewUpdater(), rand.New(rand.NewPCG(3, 4))
		h := hyper
		h.Scale = 1
		const m, n = 5, 37
		for at := range m * n {
			x, y, theta := values(r, m), values(r, n), values(r, m*n)
			theta[at] = []float32{inf, -inf, nan}[at%3]
			finite, ok := u.SGDOuter(theta, x, y, &h)
			require.True(t, ok)
			require.False(t, finite, "element %d", at)
		}
	})
}

func TestSGDOuterLeavesAloneWhatItIsNotMadeFor(t *testing.T) {
	h := hyper
	call := func(set *kernel.Set, m, n int, scale float32) bool {
		h.Scale = scale
		_, ok := set.NewUpdater().SGDOuter(make([]float32, m*n), make([]float32, m), make([]float32, n), &h)
		return ok
	}
	families(t, func(t *testing.T, set *kernel.Set) {
		require.False(t, call(set, 4, 7, 1), "few columns")
		require.False(t, call(set, 7, 1, 1), "a short column")
		require.False(t, call(set, 0, 8, 1), "no rows")
		require.False(t, call(set, 4, 8, 0.5), "a clipped gradient")
	})
	require.False(t, call(named(t, kernel.Portable), 4, 8, 1), "a family without the kernel")
}
