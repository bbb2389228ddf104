package lanes_test

import (
	"math"
	"math/rand/v2"
	"slices"
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

func TestEachRowHasItsOwnInnerProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, s := range families() {
		t.Run(s.Name(), func(t *testing.T) {
			for n := range 35 {
				for rows := range 4 {
					a, b, room := vectors(r, max(n, 1)*(rows+1))
					a, beyond := a[:n], room[rows]
					want := make([]float64, rows)
					for i := range want {
						want[i] = s.Dot(a, b[i*n:(i+1)*n])
					}
					s.Dots(room[:rows], a, b)
					require.Equal(t, want, room[:rows], "%d rows of %d", rows, n)
					require.Equal(t, beyond, room[rows])
				}
			}
			require.Panics(t, func() { s.Dots(make([]float64, 2), make([]float32, 3), make([]float32, 5)) })
		})
	}
}

func TestFamiliesAgreeOnEverySizeAndTouchNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	portable := lanes.Named(lanes.Portable)
	for _, s := range families() {
		t.Run(s.Name(), func(t *testing.T) {
			for n := range 70 {
				a, b, sum := vectors(r, n+9)
				by, coarse := r.NormFloat64(), float64(3<<25)
				type result struct {
					scaled, mean []float32
					aim, traded  []float64
					square       float64
				}
				of := func(s *lanes.Set) result {
					to := result{slices.Clone(b), slices.Clone(a), slices.Clone(sum), slices.Clone(sum), 0}
					s.Scale(to.scaled, a[:n], by)
					s.Approach(to.mean, b[:n], by)
					to.square = s.Aim(to.aim, sum, a, b[:n], by)
					s.Trade(to.traded, a[:n], b, coarse)
					return to
				}
				want, got := of(portable), of(s)
				require.Equal(t, want, got, "%d elements", n)
				require.Equal(t, b[n:], got.scaled[n:])
				require.Equal(t, a[n:], got.mean[n:])
				require.Equal(t, sum[n:], got.aim[n:])
				require.Equal(t, sum[n:], got.traded[n:])
			}
		})
	}
}

func TestElementsAreAsTheEquationsSay(t *testing.T) {
	for _, s := range families() {
		t.Run(s.Name(), func(t *testing.T) {
			const n = 11
			f, mean, out, sum, aim := make([]float32, n), make([]float32, n), make([]float32, n), make([]float64, n), make([]float64, n)
			for i := range n {
				f[i], mean[i], out[i], sum[i] = float32(i), 2, 1e-9, 10
			}
			require.EqualValues(t, n*4*4, s.Aim(aim, sum, mean, f, 3))
			require.EqualValues(t, 10-3*2+7, aim[7])
			s.Approach(mean, f, 0.5)
			require.EqualValues(t, 4.5, mean[7])
			s.Trade(sum, f, out, 3<<25)
			require.EqualValues(t, 17, sum[7], "in whole units of 2⁻²⁶")
			s.Scale(mean, f, 1.0/3)
			require.Equal(t, float32(7.0/3), mean[7])
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
		require.Panics(t, func() { s.Scale(make([]float32, 8), make([]float32, 9), 1) })
		require.Panics(t, func() { s.Approach(make([]float32, 8), make([]float32, 9), 1) })
		require.Panics(t, func() {
			s.Aim(make([]float64, 9), make([]float64, 9), make([]float32, 8), make([]float32, 9), 1)
		})
		require.Panics(t, func() { s.Trade(make([]float64, 9), make([]float32, 9), make([]float32, 8), 1) })
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, s := range families() {
		a, b, from := vectors(rand.New(rand.NewPCG(3, 4)), 100)
		require.Zero(t, testing.AllocsPerRun(10, func() {
			s.Dot(a, b)
			s.Distance(from, b)
			s.Scale(b, a, 0.5)
			s.Approach(b, a, 0.5)
			s.Aim(from, from, a, b, 0.5)
			s.Trade(from, a, b, 3<<25)
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
		b.Run("aim/"+s.Name(), func(b *testing.B) {
			t := slices.Clone(from)
			for b.Loop() {
				s.Aim(t, from, x, y, 0.5)
			}
		})
		b.Run("trade/"+s.Name(), func(b *testing.B) {
			t := slices.Clone(from)
			for b.Loop() {
				s.Trade(t, x, x, 3<<25)
			}
		})
	}
}
