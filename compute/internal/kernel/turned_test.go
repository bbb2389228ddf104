package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// A descent is a step of SGD for some rows of θ.
type descent struct {
	theta, a, b []float32
	rows        []int32
	m, n, k     int
	h           kernel.Hyper
}

// newDescent makes factors of which shares are 0, some of them -0, and some so small that products
// round to 0. Parameters are 0 and -0 as well.
func newDescent(r *rand.Rand, m, n, k int, zerosOfA, zerosOfB float64) descent {
	of := m + r.IntN(20)
	d := descent{
		theta: sparseValues(r, of*n, 0.3), a: sparseValues(r, k*m, zerosOfA), b: sparseValues(r, k*n, zerosOfB),
		rows: someRows(r, m, of), m: m, n: n, k: k, h: hyper,
	}
	d.h.Scale = 1
	return d
}

// want is the step as portable code takes it, for a gradient that it multiplies out.
func (d *descent) want(t *testing.T) []float32 {
	portable, ws := named(t, kernel.Portable), make([]float32, kernel.Workspace)
	theta, g := append([]float32(nil), d.theta...), make([]float32, d.m*d.n)
	portable.GemmTN(g, d.a, d.b, d.m, d.n, d.k, d.n, d.m, d.n, false, ws)
	u := portable.NewUpdater()
	for i, row := range d.rows {
		at := theta[int(row)*d.n:][:d.n]
		u.SGD(at, at, g[i*d.n:][:d.n], nil, &d.h)
	}
	return theta
}

// Terms of which the second factor is 0 are passed over, which is not to be seen in any bit, for any
// number of them: also where a sum that rounds to -0 would be +0 with a term more, and parameters
// show that.
func TestZerosOfTheSecondFactorDoNotShowInSteps(t *testing.T) {
	ws := make([]float32, kernel.Workspace)
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r := set.NewUpdater(), rand.New(rand.NewPCG(7, 8))
		for round := range 80 {
			m, n, k := 12+r.IntN(300), 32*(1+r.IntN(5)), 12+r.IntN(60)
			if round == 0 {
				m, n, k = 1262, 32, 64 // the last rows are less than a register
			}
			d := newDescent(r, m, n, k, []float64{0, 0.1}[round%2], []float64{0.5, 0.8, 0.9, 0.98, 1}[round%5])
			want := d.want(t)
			finite, ok := u.DescendTN(d.theta, d.rows, d.a, d.b, n, k, m, &d.h, ws)
			require.True(t, ok)
			require.True(t, finite)
			requireBits(t, want, d.theta, fmt.Sprintf("round %d, %d×%d, %d terms", round, m, n, k))
		}
	})
}

// No term is passed over where the first factor is not finite: a product with 0 is then a NaN.
func TestZerosOfTheSecondFactorHideNothingThatIsNotFinite(t *testing.T) {
	ws := make([]float32, kernel.Workspace)
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r := set.NewUpdater(), rand.New(rand.NewPCG(9, 10))
		for round := range 20 {
			d := newDescent(r, 150, 64, 40, 0, 0.9)
			d.a[r.IntN(len(d.a))] = []float32{inf, -inf, nan}[round%3]
			want := d.want(t)
			finite, ok := u.DescendTN(d.theta, d.rows, d.a, d.b, d.n, d.k, d.m, &d.h, ws)
			require.True(t, ok)
			require.False(t, finite)
			requireBits(t, want, d.theta, fmt.Sprintf("round %d", round))
		}
	})
}

func TestDescendTNAllocatesNothing(t *testing.T) {
	ws := make([]float32, kernel.Workspace)
	families(t, func(t *testing.T, set *kernel.Set) {
		u, d := set.NewUpdater(), newDescent(rand.New(rand.NewPCG(11, 12)), 150, 64, 40, 0, 0.9)
		require.Zero(t, testing.AllocsPerRun(10, func() {
			u.DescendTN(d.theta, d.rows, d.a, d.b, d.n, d.k, d.m, &d.h, ws)
		}))
	})
}

// BenchmarkTurned is the step for a layer of which so many units of a batch are 0, as dropout and a
// ReLU leave them, with inputs that are not.
func BenchmarkTurned(b *testing.B) {
	set, r, ws := kernel.Best(), rand.New(rand.NewPCG(1, 2)), make([]float32, kernel.Workspace)
	for _, share := range []float64{0, 0.5, 0.75, 0.9} {
		for _, k := range []int{10, 20, 64} {
			d := newDescent(r, 424, 512, k, 0, 0)
			d.a, d.b = values(r, len(d.a)), values(r, len(d.b))
			sprinkle(r, d.b, k, d.n, d.n, share, 0)
			d.h.Factor, d.h.Rate = 1, 1e-6
			u := set.NewUpdater()
			b.Run(fmt.Sprintf("%.0f%%/%dx%dx%d", math.Round(100*share), d.m, d.n, k), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					u.DescendTN(d.theta, d.rows, d.a, d.b, d.n, d.k, d.m, &d.h, ws)
				}
			})
		}
	}
}
