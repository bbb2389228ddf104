package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// families runs a test for each family of assembly, and says which this machine lacks.
func families(t *testing.T, test func(t *testing.T, s *kernel.Set)) {
	for _, name := range []string{kernel.AVX512, kernel.AVX2} {
		t.Run(name, func(t *testing.T) {
			s, err := kernel.Named(name)
			if err != nil {
				t.Skipf("this processor does not run the %s kernels", name)
			}
			test(t, s)
		})
	}
}

func named(t testing.TB, name string) *kernel.Set {
	t.Helper()
	s, err := kernel.Named(name)
	require.NoError(t, err)
	return s
}

// values returns n numbers of mixed magnitude and sign, 4 bytes off alignment.
func values(r *rand.Rand, n int) []float32 {
	x := make([]float32, n+1)[1:]
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp2(float64(r.IntN(24)-12)))
	}
	return x
}

// requireBits fails at the first difference; all NaNs are one.
func requireBits(t testing.TB, want, got []float32, msg string) {
	t.Helper()
	require.Len(t, got, len(want), msg)
	for i, w := range want {
		g := got[i]
		if math.Float32bits(w) != math.Float32bits(g) && (w == w || g == g) {
			t.Fatalf("%s: element %d is %v (%08x), want %v (%08x)", msg, i, g, math.Float32bits(g), w, math.Float32bits(w))
		}
	}
}

type product func(s *kernel.Set, dst, a, b []float32, m, n, k, ldd, lda, ldb int, acc bool, ws []float32)

var products = []struct {
	name         string
	run          product
	aRows, bRows bool // whether a has m rows, b has k rows
}{
	{"NN", (*kernel.Set).GemmNN, true, true},
	{"TN", (*kernel.Set).GemmTN, false, true},
	{"NT", (*kernel.Set).GemmNT, true, false},
}

// A problem is a product with operands in larger matrices.
type problem struct {
	m, n, k, ldd, lda, ldb int
	dst, a, b              []float32
}

func newProblem(r *rand.Rand, m, n, k int, aRows, bRows bool) problem {
	p := problem{m: m, n: n, k: k}
	ar, ac, br, bc := m, k, k, n
	if !aRows {
		ar, ac = k, m
	}
	if !bRows {
		br, bc = n, k
	}
	p.ldd, p.lda, p.ldb = n+r.IntN(4), ac+r.IntN(4), bc+r.IntN(4)
	p.dst, p.a, p.b = values(r, m*p.ldd), values(r, ar*p.lda), values(r, br*p.ldb)
	return p
}

func (p problem) run(s *kernel.Set, f product, acc bool) []float32 {
	dst := append([]float32(nil), p.dst...)
	f(s, dst, p.a, p.b, p.m, p.n, p.k, p.ldd, p.lda, p.ldb, acc, make([]float32, kernel.Workspace))
	return dst
}

// sizes meets every tile, its rests, and several blocks.
func sizes(r *rand.Rand) [][3]int {
	list := [][3]int{{1, 1, 1}, {1, 300, 500}, {7, 16, 0}, {30, 70, 400}, {31, 140, 41}}
	if !testing.Short() {
		list = append(list, [3]int{64, 70, 700}, [3]int{500, 33, 130})
	}
	for m := 1; m <= 26; m++ {
		list = append(list, [3]int{m, 1 + r.IntN(80), 1 + r.IntN(40)}, [3]int{m, 1 + r.IntN(300), 1 + r.IntN(30)})
	}
	for n := 1; n <= 70; n++ {
		list = append(list, [3]int{1 + r.IntN(4), n, 1 + r.IntN(40)})
		if n%10 == 0 || !testing.Short() {
			list = append(list, [3]int{25 + r.IntN(12), n, 180 + r.IntN(40)})
		}
	}
	return list
}

func TestProductsHaveTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, p := range products {
			// The last has several blocks of rows of a packed operand.
			for _, size := range append(sizes(r), [3]int{620, 64, 120}) {
				if testing.Short() && size[0] > 600 {
					continue
				}
				acc := r.IntN(2) == 0
				x := newProblem(r, size[0], size[1], size[2], p.aRows, p.bRows)
				requireBits(t, x.run(portable, p.run, acc), x.run(s, p.run, acc), fmt.Sprintf("%s %v acc %v", p.name, size, acc))
			}
		}
	})
}

func TestProductsAreNearTheExactOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, name := range kernel.Names() {
		s := named(t, name)
		for _, p := range products {
			x := newProblem(r, 13, 37, 50, p.aRows, p.bRows)
			got := x.run(s, p.run, true)
			for i := range x.m {
				for j := range x.n {
					want, scale := float64(x.dst[i*x.ldd+j]), math.Abs(float64(x.dst[i*x.ldd+j]))
					for k := range x.k {
						ia, ib := i*x.lda+k, j*x.ldb+k
						if !p.aRows {
							ia = k*x.lda + i
						}
						if p.bRows {
							ib = k*x.ldb + j
						}
						term := float64(x.a[ia]) * float64(x.b[ib])
						want += term
						scale += math.Abs(term)
					}
					require.InDelta(t, want, got[i*x.ldd+j], scale*50*0x1p-24, "%s %s at %d, %d", name, p.name, i, j)
				}
			}
		}
	}
}

func TestProductsLeaveWhatLiesBetweenRows(t *testing.T) {
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, p := range products {
			for _, n := range []int{1, 7, 9, 15, 17, 31, 63} {
				x := newProblem(r, 14, n, 20, p.aRows, p.bRows)
				got := x.run(s, p.run, false)
				for i := range x.m {
					requireBits(t, x.dst[i*x.ldd+n:(i+1)*x.ldd], got[i*x.ldd+n:(i+1)*x.ldd], p.name)
				}
			}
		}
	})
}

func TestARowDoesNotDependOnTheOthersOfItsBatch(t *testing.T) {
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, p := range products {
			x := newProblem(r, 70, 65, 400, p.aRows, p.bRows)
			all := x.run(s, p.run, true)
			for i := range x.m {
				one := x
				one.m, one.dst = 1, x.dst[i*x.ldd:][:x.n]
				if p.aRows {
					one.a = x.a[i*x.lda:]
				} else {
					one.a = x.a[i:]
				}
				requireBits(t, all[i*x.ldd:][:x.n], one.run(s, p.run, true), fmt.Sprintf("%s row %d", p.name, i))
			}
		}
	})
}

func TestThreadsMayShareAProductByColumns(t *testing.T) {
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(17, 18))
		for _, p := range products {
			x := newProblem(r, 40, 130, 350, p.aRows, p.bRows)
			all := x.run(s, p.run, true)
			for _, cut := range []int{1, 16, 57, 129} {
				left, right := x, x
				left.n, right.n = cut, x.n-cut
				right.dst, right.b = x.dst[cut:], x.b[cut:]
				if !p.bRows {
					right.b = x.b[cut*x.ldb:]
				}
				l, r := left.run(s, p.run, true), right.run(s, p.run, true)
				for i := range x.m {
					requireBits(t, all[i*x.ldd:][:cut], l[i*x.ldd:][:cut], p.name)
					requireBits(t, all[i*x.ldd+cut:][:x.n-cut], r[i*x.ldd:][:x.n-cut], p.name)
				}
			}
		}
	})
}

func TestProductsPassOnWhatIsNotFinite(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, p := range products {
			for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
				x := newProblem(r, 17, 19, 33, p.aRows, p.bRows)
				x.a[x.lda+2], x.b[5*x.ldb+3] = bad, bad
				requireBits(t, x.run(portable, p.run, false), x.run(s, p.run, false), p.name)
			}
		}
	})
}

func TestAffineHasTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(11, 12))
		for _, size := range sizes(r) {
			x := newProblem(r, size[0], size[1], size[2], true, true)
			bias := values(r, x.n)
			for act := kernel.Identity; act <= kernel.GELU; act++ {
				run := func(s *kernel.Set) []float32 {
					dst := append([]float32(nil), x.dst...)
					s.Affine(dst, x.a, x.b, bias, x.m, x.n, x.k, x.ldd, x.lda, x.ldb, act, make([]float32, kernel.Workspace))
					return dst
				}
				requireBits(t, run(portable), run(s), fmt.Sprintf("%v activation %d", size, act))
			}
		}
	})
}

// Weights by unit are the transposed ones of Affine: so are the products, bit for bit.
func TestLinearHasTheBitsOfAffine(t *testing.T) {
	portable, ws := named(t, kernel.Portable), make([]float32, kernel.Workspace)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(19, 20))
		list := append(sizes(r), [3]int{1, 64, 416}, [3]int{1, 71, 129}, [3]int{1, 9, 17}, [3]int{1, 3, 40}, [3]int{2, 64, 416})
		for _, size := range list {
			x := newProblem(r, size[0], size[1], size[2], true, true)
			y := newProblem(r, size[0], size[1], size[2], true, false)
			portable.Transpose(y.b, x.b, x.k, x.n, y.ldb, x.ldb)
			bias := values(r, x.n)
			for act := kernel.Identity; act <= kernel.GELU; act++ {
				want, got := append([]float32(nil), x.dst...), append([]float32(nil), x.dst...)
				portable.Affine(want, x.a, x.b, bias, x.m, x.n, x.k, x.ldd, x.lda, x.ldb, act, ws)
				s.Linear(got, x.a, y.b, bias, x.m, x.n, x.k, x.ldd, x.lda, y.ldb, act, ws)
				requireBits(t, want, got, fmt.Sprintf("%v activation %d", size, act))
			}
		}
	})
}

func TestGerIsTheProductOfOneTerm(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, name := range kernel.Names() {
		s := named(t, name)
		for _, n := range []int{1, 5, 8, 10, 16, 17, 31, 32, 33, 100} {
			for _, acc := range []bool{false, true} {
				x := newProblem(r, 9, n, 1, false, true)
				want := x.run(s, (*kernel.Set).GemmTN, acc)
				got := append([]float32(nil), x.dst...)
				s.Ger(got, x.a, x.b, 9, n, x.ldd, acc)
				requireBits(t, want, got, fmt.Sprint(name, n, acc))
			}
		}
	}
}

func TestSizesThatDoNotFitPanic(t *testing.T) {
	s, ws := kernel.Best(), make([]float32, kernel.Workspace)
	x := make([]float32, 12)
	require.NotPanics(t, func() { s.GemmNN(x, x, x, 3, 4, 0, 4, 4, 4, false, ws) })
	require.Panics(t, func() { s.GemmNN(x[:11], x, x, 3, 4, 1, 4, 4, 4, false, ws) })
	require.Panics(t, func() { s.GemmNN(x, x[:1], x, 3, 4, 1, 4, 4, 4, false, ws) })
	require.Panics(t, func() { s.GemmNN(x, x, x[:3], 3, 4, 1, 4, 4, 4, false, ws) })
	require.Panics(t, func() { s.GemmNN(x, x, x, 3, 4, 1, 3, 4, 4, false, ws) })
	require.Panics(t, func() { s.GemmNT(x, x, x, 3, 4, 1, 4, 1, 1, false, ws[:8]) })
	require.Panics(t, func() { s.Add(x, x, x[:11]) })
}

func FuzzProducts(f *testing.F) {
	f.Add(uint64(1), uint8(6), uint8(16), uint16(300), true)
	f.Fuzz(func(t *testing.T, seed uint64, m, n uint8, k uint16, acc bool) {
		r := rand.New(rand.NewPCG(seed, 0))
		portable, best := named(t, kernel.Portable), kernel.Best()
		for _, p := range products {
			x := newProblem(r, int(m)%40, int(n)%80, int(k)%700, p.aRows, p.bRows)
			requireBits(t, x.run(portable, p.run, acc), x.run(best, p.run, acc), p.name)
		}
	})
}

// The family that rounds each product is off by what a chain of k roundings is off.
func TestApproxStaysNear(t *testing.T) {
	portable, approx := named(t, kernel.Portable), named(t, kernel.Approx)
	r := rand.New(rand.NewPCG(15, 16))
	const k = 784
	a, b := make([]float32, k), make([]float32, k)
	var worst, mean float64
	ws := make([]float32, kernel.Workspace)
	const rounds = 1000
	for range rounds {
		size := 0.0
		for i := range a {
			a[i], b[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
			size += math.Abs(float64(a[i]) * float64(b[i]))
		}
		var x, y [1]float32
		portable.GemmNN(x[:], a, b, 1, 1, k, 1, k, 1, false, ws)
		approx.GemmNN(y[:], a, b, 1, 1, k, 1, k, 1, false, ws)
		off := math.Abs(float64(x[0]-y[0])) / size
		worst, mean = max(worst, off), mean+off/rounds
	}
	t.Logf("784 terms: %.2g of Σ|a b| on average, %.2g at most", mean, worst)
	require.NotZero(t, worst)
	require.Less(t, worst, 1e-6)
}

func TestNarrowProductsOfOneTermEndWhereTheyShould(t *testing.T) {
	portable := named(t, kernel.Portable)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(19, 20))
		for n := 1; n <= 20; n++ {
			for _, m := range []int{1, 2, 3, 16, 17, 50} {
				x, y := values(r, m), values(r, n)
				want := values(r, m*n+32)
				got := append([]float32(nil), want...)
				portable.Ger(want, x, y, m, n, n, false)
				s.Ger(got, x, y, m, n, n, false)
				requireBits(t, want, got, fmt.Sprint(m, n))
			}
		}
	})
}
