package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// sprinkle makes a share of the elements of a 0, some of them -0, and some whole columns.
func sprinkle(r *rand.Rand, a []float32, m, n, lda int, share, columns float64) {
	zero := func() float32 {
		if r.IntN(3) == 0 {
			return float32(math.Copysign(0, -1))
		}
		return 0
	}
	for j := range n {
		column := r.Float64() < columns
		for i := range m {
			if column || r.Float64() < share {
				a[i*lda+j] = zero()
			}
		}
	}
}

var sparsities = []struct {
	name           string
	share, columns float64
}{
	{"no zeros", 0, 0},
	{"some", 0.3, 0},
	{"half", 0.5, 0},
	{"most", 0.85, 0},
	{"nearly all", 0.995, 0},
	{"columns", 0, 0.6},
	{"elements and columns", 0.5, 0.6},
	{"all", 1, 0},
}

func sparseSizes(r *rand.Rand) [][3]int {
	var list [][3]int
	for m := 1; m <= 70; m++ {
		list = append(list, [3]int{m, 1 + r.IntN(130), 1 + r.IntN(140)})
	}
	if testing.Short() {
		list = list[:25]
	}
	for n := 90; n <= 230; n += 7 {
		list = append(list, [3]int{1 + r.IntN(30), n, 50 + r.IntN(100)})
	}
	return append(list, [3]int{20, 512, 784}, [3]int{130, 100, 300}, [3]int{784, 100, 20}, [3]int{784, 512, 20}, [3]int{1, 256, 784}, [3]int{256, 256, 256},
		[3]int{4100, 12, 70}, [3]int{9, 1249, 130}, [3]int{40, 1249, 70})
}

// Inputs and units that are 0 are passed over, which must not be seen in any bit: beside the
// products that multiply all out, which are held against Portable elsewhere.
func TestZerosDoNotShowInProducts(t *testing.T) {
	ws := make([]float32, kernel.Workspace)
	families(t, func(t *testing.T, s *kernel.Set) {
		for _, how := range sparsities {
			t.Run(how.name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(5, 6))
				for _, size := range sparseSizes(r) {
					m, n, k := size[0], size[1], size[2]
					name := fmt.Sprintf("%d×%d×%d", m, n, k)
					p := newProblem(r, m, n, k, true, true)
					sprinkle(r, p.a, m, k, p.lda, how.share, how.columns)
					bias := values(r, n)
					bias[r.IntN(n)] = float32(math.Copysign(0, -1))
					for _, act := range []kernel.Act{kernel.Identity, kernel.ReLU, kernel.Tanh} {
						want, got := append([]float32(nil), p.dst...), append([]float32(nil), p.dst...)
						s.Affine(want, p.a, p.b, bias, m, n, k, p.ldd, p.lda, p.ldb, act, ws)
						s.AffineFinite(got, p.a, p.b, bias, m, n, k, p.ldd, p.lda, p.ldb, act, ws)
						requireBits(t, want, got, "affine, "+name)
					}
					product, sparse := append([]float32(nil), p.dst...), append([]float32(nil), p.dst...)
					s.GemmNN(product, p.a, p.b, m, n, k, p.ldd, p.lda, p.ldb, false, ws)
					s.GemmFinite(sparse, p.a, p.b, m, n, k, p.ldd, p.lda, p.ldb, ws)
					requireBits(t, product, sparse, "NN, "+name)
					nt := newProblem(r, m, n, k, true, false)
					sprinkle(r, nt.a, m, k, nt.lda, how.share, how.columns)
					product, sparse = append([]float32(nil), nt.dst...), append([]float32(nil), nt.dst...)
					s.GemmNT(product, nt.a, nt.b, m, n, k, nt.ldd, nt.lda, nt.ldb, false, ws)
					s.GemmNTFinite(sparse, nt.a, nt.b, m, n, k, nt.ldd, nt.lda, nt.ldb, ws)
					requireBits(t, product, sparse, "NT, "+name)
					p = newProblem(r, m, n, k, false, true)
					sprinkle(r, p.a, k, m, p.lda, how.share, how.columns)
					got := p.run(s, (*kernel.Set).GemmTN, false)
					for i := range m {
						clear(p.dst[i*p.ldd:][:n])
					}
					want := p.run(s, (*kernel.Set).GemmTN, true) // to sums that are there, nothing is passed over
					for i := range m {
						requireBits(t, want[i*p.ldd:][:n], got[i*p.ldd:][:n], "TN, "+name)
					}
				}
			})
		}
	})
}

// A chain that underflows to -0 becomes +0 by a term of +0, which therefore counts.
func TestSignsOfZeroSurviveThatTermsArePassedOver(t *testing.T) {
	portable := named(t, kernel.Portable)
	const m, n, k = 40, 100, 130
	minus := float32(math.Copysign(0, -1))
	families(t, func(t *testing.T, s *kernel.Set) {
		ws := make([]float32, kernel.Workspace)
		x, w, bias := make([]float32, m*k), make([]float32, k*n), make([]float32, n)
		for i := range x {
			if i%9 == 0 {
				x[i] = 1e-30
			}
		}
		for i := range w {
			w[i] = -1e-30 // the product is below the smallest float32
		}
		for i := range bias {
			bias[i] = minus
		}
		for _, positive := range []bool{false, true} {
			if positive {
				for i := range w {
					w[i] = float32(1-2*(i/n%2)) * 1e-30
				}
			}
			want, got := make([]float32, m*n), make([]float32, m*n)
			portable.Affine(want, x, w, bias, m, n, k, n, k, n, kernel.ReLU, ws)
			s.AffineFinite(got, x, w, bias, m, n, k, n, k, n, kernel.ReLU, ws)
			requireBits(t, want, got, "affine")
			want, got = make([]float32, k*n), make([]float32, k*n)
			portable.GemmTN(want, x, w, k, n, m, n, k, n, false, ws)
			s.GemmTN(got, x, w, k, n, m, n, k, n, false, ws)
			requireBits(t, want, got, "TN")
			want, got = make([]float32, m*n), make([]float32, m*n)
			portable.GemmNT(want, x, w, m, n, k, n, k, k, false, ws)
			s.GemmNTFinite(got, x, w, m, n, k, n, k, k, ws)
			requireBits(t, want, got, "NT")
		}
	})
}

// 0 times infinity is not a number.
func TestZerosCountWhereAFactorIsNotFinite(t *testing.T) {
	families(t, func(t *testing.T, s *kernel.Set) {
		const m, n, k = 80, 100, 90
		ws := make([]float32, kernel.Workspace)
		a, b, dst := make([]float32, k*m), make([]float32, k*n), make([]float32, m*n)
		b[5*n+7] = float32(math.Inf(1))
		s.GemmTN(dst, a, b, m, n, k, n, m, n, false, ws)
		for i := range m {
			require.True(t, dst[i*n+7] != dst[i*n+7])
		}
		a[3*m+4] = float32(math.NaN())
		b[5*n+7] = 1
		s.GemmTN(dst, a, b, m, n, k, n, m, n, false, ws)
		require.True(t, dst[4*n] != dst[4*n])
		x := make([]float32, m*k)
		x[8*k+3] = float32(math.Inf(-1))
		s.AffineFinite(dst, x, b, b[:n], m, n, k, n, k, n, kernel.Identity, ws)
		require.True(t, dst[8*n] != dst[8*n])
	})
}
