package lanes_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/lanes"
)

func families() (sets []*lanes.Set) {
	for _, name := range []string{lanes.Portable, lanes.AVX2, lanes.AVX512} {
		if s := lanes.Named(name); s != nil {
			sets = append(sets, s)
		}
	}
	return sets
}

// vectors are numbers of many magnitudes, each vector at another address modulo a register.
func vectors(r *rand.Rand, n int) (a, b []float32, t []float64) {
	a, b, t = make([]float32, n+3)[1:n+1], make([]float32, n+5)[3:n+3], make([]float64, n+2)[1:n+1]
	for i := range n {
		a[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(60)-30))
		b[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(60)-30))
		t[i] = math.Ldexp(r.NormFloat64(), r.IntN(60)-30)
		if r.IntN(4) == 0 {
			a[i] = float32(math.Copysign(0, float64(r.IntN(2)-1)))
		}
	}
	return a, b, t
}

func TestSumsAreInTheOrderOfTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range families() {
		t.Run(s.Name(), func(t *testing.T) {
			for n := range 70 {
				a, b, from := vectors(r, n)
				var dot, distance [8]float64
				for i := range n {
					dot[i%8] += float64(float64(a[i]) * float64(b[i]))
					d := from[i] - float64(b[i])
					distance[i%8] += float64(d * d)
				}
				for _, sums := range []*[8]float64{&dot, &distance} {
					for _, half := range []int{4, 2, 1} {
						for l := range half {
							sums[l] += sums[l+half]
						}
					}
				}
				require.Equal(t, math.Float64bits(dot[0]), math.Float64bits(s.Dot(a, b)), "%d elements", n)
				require.Equal(t, math.Float64bits(distance[0]), math.Float64bits(s.Distance(from, b)), "%d elements", n)
			}
		})
	}
}

func TestNumbersBeyondTheEndTakeNoPart(t *testing.T) {
	for _, s := range families() {
		t.Run(s.Name(), func(t *testing.T) {
			nan := float32(math.NaN())
			for n := range 18 {
				a, from := make([]float32, n+8), make([]float64, n+8)
				for i := range a {
					a[i], from[i] = nan, math.NaN()
					if i < n {
						a[i], from[i] = 1, 3
					}
				}
				require.EqualValues(t, n, s.Dot(a[:n], a))
				require.EqualValues(t, 4*n, s.Distance(from, a[:n]))
			}
		})
	}
}

func TestWhatIsNoNumberShows(t *testing.T) {
	for _, s := range families() {
		for at := range 21 {
			a, t64 := make([]float32, 21), make([]float64, 21)
			a[at] = float32(math.Inf(-1))
			require.True(t, math.IsNaN(s.Dot(a, make([]float32, 21))), s.Name())
			require.True(t, math.IsInf(s.Distance(t64, a), 1), s.Name())
		}
	}
}

func TestAShortOperandPanics(t *testing.T) {
	for _, s := range families() {
		require.Panics(t, func() { s.Dot(make([]float32, 9), make([]float32, 8)) })
		require.Panics(t, func() { s.Distance(make([]float64, 8), make([]float32, 9)) })
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, s := range families() {
		a, b, from := vectors(rand.New(rand.NewPCG(3, 4)), 100)
		require.Zero(t, testing.AllocsPerRun(10, func() {
			s.Dot(a, b)
			s.Distance(from, b)
		}))
	}
}

func BenchmarkOf100(b *testing.B) {
	x, y, from := vectors(rand.New(rand.NewPCG(5, 6)), 100)
	for _, s := range families() {
		b.Run("dot/"+s.Name(), func(b *testing.B) {
			for b.Loop() {
				s.Dot(x, y)
			}
		})
		b.Run("distance/"+s.Name(), func(b *testing.B) {
			for b.Loop() {
				s.Distance(from, y)
			}
		})
	}
}
