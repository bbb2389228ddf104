package real_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/real"
)

func TestAgreesWithTheStandardLibrary(t *testing.T) {
	for _, tc := range []struct {
		name      string
		got, want func(float64) float64
		from, to  float64
		relative  float64
		absolute  float64
	}{
		{"Exp", real.Exp, math.Exp, -700, 700, 1e-14, 0},
		{"Exp near zero", real.Exp, math.Exp, -1, 1, 1e-15, 0},
		{"Log", real.Log, math.Log, 1e-9, 1e6, 1e-14, 1e-15},
		{"Log near one", real.Log, math.Log, 0.9, 1.1, 1e-14, 1e-16},
		{"Log1p", real.Log1p, math.Log1p, 0, 1, 1e-15, 0},
		{"Log1p of tiny", real.Log1p, math.Log1p, 0, 1e-12, 1e-15, 0},
		{"Tanh", real.Tanh, math.Tanh, -30, 30, 0, 1e-15},
		{"Sigmoid", real.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, -36, 700, 1e-14, 0},
		{"Softplus", real.Softplus, func(x float64) float64 { return math.Log1p(math.Exp(x)) }, -700, 700, 1e-14, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 20000 {
				x := tc.from + (tc.to-tc.from)*r.Float64()
				if i < 2 {
					x = []float64{tc.from, tc.to}[i]
				}
				got, want := tc.got(x), tc.want(x)
				require.LessOrEqual(t, math.Abs(got-want), 3*tc.relative*math.Abs(want)+3*tc.absolute, "at %v: %v, want %v", x, got, want)
			}
		})
	}
}

func TestEdges(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	require.Equal(t, inf, real.Exp(inf))
	require.Equal(t, inf, real.Exp(710))
	require.Zero(t, real.Exp(-inf))
	require.Equal(t, 5e-324, real.Exp(-745))
	require.True(t, math.IsNaN(real.Exp(nan)))
	require.Equal(t, math.Inf(-1), real.Log(0))
	require.Equal(t, inf, real.Log(inf))
	require.True(t, math.IsNaN(real.Log(-1)))
	require.InDelta(t, -744.4400719213812, real.Log(5e-324), 1e-12)
	require.Equal(t, 1.0, real.Tanh(1000))
	require.Equal(t, 1000.0, real.Softplus(1000))
	require.True(t, math.IsNaN(real.Sigmoid(nan)))
	require.True(t, math.IsNaN(real.Softplus(nan)))
	require.True(t, math.IsNaN(real.Tanh(nan)))
}

// The bits are part of the contract: a learner on another machine must reproduce them.
func TestBitsAreFixed(t *testing.T) {
	h := uint64(14695981039346656037)
	for i := range 4000 {
		x := float64(i-2000) / 57
		for _, v := range []float64{real.Exp(x), real.Log(float64(x*x) + 0.1), real.Tanh(x), real.Softplus(x), real.Sigmoid(x)} {
			h = (h ^ math.Float64bits(v)) * 1099511628211
		}
	}
	require.Equal(t, "2089fac6e1faadc4", fmt.Sprintf("%016x", h))
}

func BenchmarkExp(b *testing.B) {
	x := -3.7
	for b.Loop() {
		x = -3.7 + real.Exp(x)
	}
}
