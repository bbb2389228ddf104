package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// someRows lists m of so many rows, in order.
func someRows(r *rand.Rand, m, of int) []int32 {
	var list []int32
	for i := range of {
		if r.IntN(of-i) < m-len(list) {
			list = append(list, int32(i))
		}
	}
	return list
}

// The step taken from registers is that of the product as portable code multiplies it out and
// takes it, for any number of rows and terms, also where factors and parameters are 0 or -0; no
// other row changes.
func TestDescendTNHasTheBitsOfTheProductAndTheStep(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r, ws := set.NewUpdater(), rand.New(rand.NewPCG(1, 2)), make([]float32, kernel.Workspace)
		for round := range 60 {
			m, n, k := 12+r.IntN(60), 32*(1+r.IntN(5)), 1+r.IntN(40)
			switch round {
			case 0: // more than one block of rows
				m, n, k = 200, 32, 384
			case 1:
				m, n, k = 12, 64, 383
			}
			of, lda := m+r.IntN(20), m+r.IntN(3)
			zeros := []float64{0, 0, 0.1}[round%3]
			a, b, rows := sparseValues(r, k*lda, zeros), sparseValues(r, k*n, 0.3), someRows(r, m, of)
			theta := sparseValues(r, of*n, 0.1)
			h := hyper
			h.Scale = 1
			if round%2 == 0 {
				h.Factor = 1
			}
			want, g := append([]float32(nil), theta...), make([]float32, m*n)
			portable.GemmTN(g, a, b, m, n, k, n, lda, n, false, ws)
			for i, row := range rows {
				at := want[int(row)*n:][:n]
				require.True(t, portable.NewUpdater().SGD(at, at, g[i*n:][:n], nil, &h))
			}
			finite, ok := u.DescendTN(theta, rows, a, b, n, k, lda, &h, ws)
			require.True(t, ok)
			require.True(t, finite)
			requireBits(t, want, theta, fmt.Sprintf("round %d, %d of %d×%d, %d terms", round, m, of, n, k))
		}
	})
}

func TestDescendTNTellsWhatIsNotFinite(t *testing.T) {
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r, ws := set.NewUpdater(), rand.New(rand.NewPCG(3, 4)), make([]float32, kernel.Workspace)
		h := hyper
		h.Scale = 1
		for round := range 60 {
			const of, n, k = 40, 64, 5
			m := 12 + r.IntN(20)
			a, b, theta, rows := values(r, k*m), values(r, k*n), values(r, of*n), someRows(r, m, of)
			theta[int(rows[r.IntN(m)])*n+r.IntN(n)] = []float32{inf, -inf, nan}[round%3]
			finite, ok := u.DescendTN(theta, rows, a, b, n, k, m, &h, ws)
			require.True(t, ok)
			require.False(t, finite, "round %d", round)
		}
	})
}

func TestDescendTNLeavesAloneWhatItIsNotMadeFor(t *testing.T) {
	ws := make([]float32, kernel.Workspace)
	try := func(set *kernel.Set, m, n, k int, scale, factor float32) bool {
		h := hyper
		h.Scale = scale
		a, b, theta := make([]float32, k*m), make([]float32, k*n), make([]float32, m*n)
		for i := range a {
			a[i] = factor
		}
		_, ok := set.NewUpdater().DescendTN(theta, someRows(rand.New(rand.NewPCG(1, 1)), m, m), a, b, n, k, m, &h, ws)
		return ok
	}
	families(t, func(t *testing.T, set *kernel.Set) {
		require.True(t, try(set, 64, 32, 20, 1, 1))
		require.False(t, try(set, 5, 32, 20, 1, 1), "fewer rows than a tile has")
		require.False(t, try(set, 64, 40, 20, 1, 1), "columns beside panels")
		require.False(t, try(set, 64, 32, 385, 1, 1), "more terms than a panel has")
		require.False(t, try(set, 64, 32, 0, 1, 1), "no terms")
		require.False(t, try(set, 64, 32, 20, 0.5, 1), "a clipped gradient")
		require.False(t, try(set, 64, 32, 20, 1, 0), "nothing but zeros")
	})
	require.False(t, try(named(t, kernel.Portable), 64, 32, 20, 1, 1), "a family without the kernel")
}

// BenchmarkDescend is the gradient of a layer's weights and the step, one after the other and in
// one.
func BenchmarkDescend(b *testing.B) {
	set, r, ws := kernel.Best(), rand.New(rand.NewPCG(1, 2)), make([]float32, kernel.Workspace)
	h := hyper
	h.Scale, h.Factor, h.Rate = 1, 1, 1e-6
	for _, size := range [][3]int{{784, 256, 1}, {784, 256, 10}, {784, 512, 20}, {784, 256, 64}, {784, 256, 256}} {
		m, n, k := size[0], size[1], size[2]
		x, dz, theta, grad := fresh(values(r, k*m)), fresh(values(r, k*n)), fresh(values(r, m*n)), make([]float32, m*n)
		rows, u := someRows(r, m, m), set.NewUpdater()
		for _, bc := range []struct {
			name string
			run  func()
		}{
			{"apart", func() {
				set.GemmTN(grad, x, dz, m, n, k, n, m, n, false, ws)
				u.SGD(theta, theta, grad, nil, &h)
			}},
			{"fused", func() { u.DescendTN(theta, rows, x, dz, n, k, m, &h, ws) }},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", m, n, k, bc.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					bc.run()
				}
				report(b, set, 2*m*n*k, 4*(2*m*n+m*k+n*k), bc.run)
			})
		}
	}
}
