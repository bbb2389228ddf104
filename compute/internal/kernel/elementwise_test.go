package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

var inf, nan = float32(math.Inf(1)), float32(math.NaN())

// corners are the numbers at which elementary functions change their ways.
func corners() []float32 {
	list := []float32{
		0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, nan, math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, 0x1.fffffcp-127, -0x1p-126,
		88.72283, 88.72284, 89, 90, -87.33655, -88, -103.97208, -104, -105, 9, 10, 10.5, 16, 17, -16, -17, 1e-10,
		0x1.6a09e6p-1, 0x1.6a09e4p-1, 0x1.6a09e8p-1, 1e18, -1e18, 1e38, 0x1p24, 0.34657359, 0.34657362,
	}
	for e := -149; e < 128; e++ {
		x := float32(math.Exp2(float64(e)) * 1.3)
		list = append(list, x, -x)
	}
	return list
}

// arguments are the corners among numbers of all magnitudes, more often near 0.
func arguments(r *rand.Rand, n int) []float32 {
	x := append(corners(), values(r, n)...)
	for range n {
		x = append(x, float32(r.NormFloat64()*20))
	}
	r.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
	return x
}

var unary = map[string]struct {
	run   func(s *kernel.Set, dst, a []float32)
	exact func(x float64) float64
	ulps  float64 // allowed, where exact is given
}{
	"relu":     {func(s *kernel.Set, d, a []float32) { s.Apply(d, a, kernel.ReLU) }, func(x float64) float64 { return max(x, 0) }, 0},
	"tanh":     {func(s *kernel.Set, d, a []float32) { s.Apply(d, a, kernel.Tanh) }, math.Tanh, 4},
	"sigmoid":  {func(s *kernel.Set, d, a []float32) { s.Apply(d, a, kernel.Sigmoid) }, sigmoid, 3},
	"gelu":     {func(s *kernel.Set, d, a []float32) { s.Apply(d, a, kernel.GELU) }, nil, 0},
	"exp":      {(*kernel.Set).Exp, math.Exp, 2},
	"log":      {(*kernel.Set).Log, math.Log, 2},
	"sqrt":     {(*kernel.Set).Sqrt, math.Sqrt, 0.5},
	"abs":      {(*kernel.Set).Abs, math.Abs, 0},
	"softplus": {(*kernel.Set).Softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 3},
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

var binary = map[string]func(s *kernel.Set, dst, a, b []float32){
	"add":           (*kernel.Set).Add,
	"sub":           (*kernel.Set).Sub,
	"mul":           (*kernel.Set).Mul,
	"div":           (*kernel.Set).Div,
	"muladd":        (*kernel.Set).MulAdd,
	"relu slope":    func(s *kernel.Set, d, a, b []float32) { s.Slope(d, a, b, kernel.ReLU) },
	"tanh slope":    func(s *kernel.Set, d, a, b []float32) { s.Slope(d, a, b, kernel.Tanh) },
	"sigmoid slope": func(s *kernel.Set, d, a, b []float32) { s.Slope(d, a, b, kernel.Sigmoid) },
	"gelu slope":    func(s *kernel.Set, d, a, b []float32) { s.Slope(d, a, b, kernel.GELU) },
	"scale":         func(s *kernel.Set, d, a, b []float32) { s.Scale(d, a, b[0]) },
	"add scalar":    func(s *kernel.Set, d, a, b []float32) { s.AddScalar(d, a, b[0]) },
	"axpy":          func(s *kernel.Set, d, a, b []float32) { s.Axpy(d, a, b[0]) },
	"at least":      func(s *kernel.Set, d, a, b []float32) { s.AtLeast(d, a, b[0]) },
	"at most":       func(s *kernel.Set, d, a, b []float32) { s.AtMost(d, a, b[0]) },
}

func TestFunctionsHaveTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(1, 2))
		n := 20000
		if testing.Short() {
			n = 1000
		}
		x, y := arguments(r, n), arguments(r, n)
		for name, f := range unary {
			for n := 1; n < 40; n++ {
				want, got := append([]float32(nil), y[:40]...), append([]float32(nil), y[:40]...)
				f.run(portable, want[:n], x[n:])
				f.run(s, got[:n], x[n:])
				requireBits(t, want, got, fmt.Sprint(name, n)) // beyond n, too
			}
			want, got := make([]float32, len(x)), make([]float32, len(x))
			f.run(portable, want, x)
			f.run(s, got, x)
			requireBits(t, want, got, name)
		}
		for name, f := range binary {
			for n := 1; n < 40; n++ {
				want, got := append([]float32(nil), y[:40]...), append([]float32(nil), y[:40]...)
				f(portable, want[:n], x[n:], y[2*n:])
				f(s, got[:n], x[n:], y[2*n:])
				requireBits(t, want, got, fmt.Sprint(name, n))
			}
			want, got := append([]float32(nil), y...), append([]float32(nil), y...)
			f(portable, want, x, y)
			f(s, got, x, y)
			requireBits(t, want, got, name)
		}
	})
}

func TestFunctionsAreNearTheExactOnes(t *testing.T) {
	s := named(t, kernel.Portable)
	r := rand.New(rand.NewPCG(3, 4))
	x := arguments(r, 20000)
	got := make([]float32, len(x))
	for name, f := range unary {
		if f.exact == nil {
			continue
		}
		f.run(s, got, x)
		worst := 0.0
		for i, v := range x {
			want := f.exact(float64(v))
			if want != want || math.IsInf(want, 0) || math.Abs(want) > math.MaxFloat32 {
				require.Equal(t, fmt.Sprint(float32(want)), fmt.Sprint(got[i]), "%s(%v)", name, v)
				continue
			}
			// The unit in the last place of want, or that of the subnormals.
			_, e := math.Frexp(want)
			ulp := math.Ldexp(1, max(e-24, -149))
			if name == "sigmoid" && v < -88 { // 1/(1+exp(-x)) is 0 where exp overflows
				ulp = 0x1p-126
			}
			off := math.Abs(float64(got[i])-want) / ulp
			worst = max(worst, off)
			require.LessOrEqual(t, off, f.ulps, "%s(%v) is %v, want %v", name, v, got[i], want)
		}
		t.Logf("%s: %.2f units in the last place", name, worst)
	}
}

func TestGELUAndItsSlopeMatch(t *testing.T) {
	s := kernel.Best()
	exact := func(x float64) float64 {
		return x * sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))
	}
	x, one := make([]float32, 0, 400), make([]float32, 400)
	for i := range one {
		x, one[i] = append(x, float32(i-200)/20), 1
	}
	y, dy := make([]float32, len(x)), make([]float32, len(x))
	s.Apply(y, x, kernel.GELU)
	s.Slope(dy, one, x, kernel.GELU)
	for i, v := range x {
		v := float64(v)
		require.InDelta(t, exact(v), y[i], 1e-6*(1+math.Abs(v)))
		require.InDelta(t, (exact(v+1e-5)-exact(v-1e-5))/2e-5, dy[i], 2e-6)
	}
	s.Slope(dy[:3], one, []float32{1e30, -1e30, inf}, kernel.GELU)
	require.Equal(t, []float32{1, 0, 1}, dy[:3])
}

func TestInPlaceIsLikeOutOfPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x, y := values(r, 77), values(r, 77)
	for _, name := range kernel.Names() {
		s := named(t, name)
		for op, f := range unary {
			want, got := make([]float32, 77), append([]float32(nil), x...)
			f.run(s, want, x)
			f.run(s, got, got)
			requireBits(t, want, got, name+" "+op)
		}
		for _, op := range []string{"add", "sub", "mul", "div", "relu slope", "tanh slope", "sigmoid slope", "gelu slope"} {
			want, a, b := make([]float32, 77), append([]float32(nil), x...), append([]float32(nil), y...)
			binary[op](s, want, x, y)
			binary[op](s, a, a, y)
			binary[op](s, b, x, b)
			requireBits(t, want, a, name+" "+op)
			requireBits(t, want, b, name+" "+op)
		}
	}
}

func TestEmulatedMultiplyAddIsRoundedOnce(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(7, 8))
		bits := func() float32 { return math.Float32frombits(r.Uint32()) }
		n := 1 << 16
		a, b, c := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range a {
			switch i % 4 {
			case 0: // anything
				a[i], b[i], c[i] = bits(), bits(), bits()
			case 1: // few bits: sums that lie in the middle of two float32
				a[i], b[i] = float32(r.IntN(1<<12)+1<<12), float32(1+r.IntN(4))
				c[i] = float32(math.Ldexp(float64(r.IntN(8)-4), -r.IntN(60)))
			case 2: // cancellation
				a[i], b[i] = bits(), float32(1+r.IntN(1<<10))
				c[i] = -a[i] * b[i]
			case 3: // subnormal results
				a[i], b[i] = float32(math.Ldexp(r.Float64(), -70)), float32(math.Ldexp(r.Float64(), -70))
				c[i] = math.Float32frombits(r.Uint32() & 0x807fffff)
			}
		}
		want, got := append([]float32(nil), c...), append([]float32(nil), c...)
		portable.MulAdd(want, a, b)
		s.MulAdd(got, a, b)
		requireBits(t, want, got, "a b + c")
	})
}
