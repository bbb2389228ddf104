package blas_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	perennial "github.com/perennial-ml/perennial/compute/blas"
)

func values(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// near holds got against want, where each element is a sum of terms products of values
// around 1: both sides round every term at most twice.
func near(t *testing.T, want, got []float32, terms int, what string) {
	t.Helper()
	bound := 1e-6 * math.Sqrt(float64(terms)+1) * 8
	for i, w := range want {
		if math.Abs(float64(w)-float64(got[i])) > bound {
			require.Failf(t, "not within rounding", "%s: element %d is %v, gonum has %v", what, i, got[i], w)
		}
	}
}

var factors = [][2]float32{{1, 0}, {1, 1}, {1, -0.5}, {-1, 0}, {0.5, 1}, {2, 0.25}, {0, 0.5}, {0, 0}}

// Every form, with rows apart, and results whose neighbours in memory must not be touched.
func TestProductsAreThoseOfGonum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ours, theirs := perennial.New(perennial.WithThreads(3)), gonum.Implementation{}
	for _, s := range [][3]int{
		{1, 1, 1}, {1, 16, 16}, {3, 5, 7}, {6, 16, 9}, {13, 33, 40}, {1, 300, 65}, {100, 1, 30},
		{65, 129, 200}, {300, 70, 90}, {20, 700, 130},
	} {
		m, n, k := s[0], s[1], s[2]
		for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
			for _, tB := range []blas.Transpose{blas.NoTrans, blas.ConjTrans} {
				for _, f := range factors {
					what := fmt.Sprintf("%c%c %v alpha %v beta %v", tA, tB, s, f[0], f[1])
					lda, ldb, ldc := k+2, n+3, n+1
					rowsA, rowsB := m, k
					if tA != blas.NoTrans {
						lda, rowsA = m+2, k
					}
					if tB != blas.NoTrans {
						ldb, rowsB = k+3, n
					}
					a, b, want := values(r, rowsA*lda), values(r, rowsB*ldb), values(r, m*ldc)
					got := append([]float32(nil), want...)
					theirs.Sgemm(tA, tB, m, n, k, f[0], a, lda, b, ldb, f[1], want, ldc)
					ours.Sgemm(tA, tB, m, n, k, f[0], a, lda, b, ldb, f[1], got, ldc)
					near(t, want, got, k, what)
					for i := range m {
						require.Equal(t, want[i*ldc+n:(i+1)*ldc], got[i*ldc+n:(i+1)*ldc], "%s wrote beyond row %d", what, i)
					}
				}
			}
		}
	}
}

func TestProductsWithVectorsAreThoseOfGonum(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	ours, theirs := perennial.New(), gonum.Implementation{}
	for _, s := range [][2]int{{1, 1}, {5, 3}, {16, 10}, {33, 100}, {256, 784}} {
		m, n := s[0], s[1]
		for _, inc := range []int{1, 2, -1} {
			for _, f := range factors {
				a, x, y := values(r, m*(n+1)), values(r, 2*max(m, n)), values(r, 2*max(m, n))
				for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
					what := fmt.Sprintf("gemv %c %v inc %d alpha %v beta %v", tA, s, inc, f[0], f[1])
					want, got := append([]float32(nil), y...), append([]float32(nil), y...)
					theirs.Sgemv(tA, m, n, f[0], a, n+1, x, 1, f[1], want, inc)
					ours.Sgemv(tA, m, n, f[0], a, n+1, x, 1, f[1], got, inc)
					out := m
					if tA == blas.Trans {
						out = n
					}
					used := 1 + (out-1)*max(inc, -inc)
					near(t, want[:used], got[:used], max(m, n), what)
					if inc == 1 {
						require.Equal(t, y[out:], got[out:], "%s wrote beyond y", what)
					}
				}
				want, got := append([]float32(nil), a...), append([]float32(nil), a...)
				theirs.Sger(m, n, f[0], x, inc, y, 1, want, n+1)
				ours.Sger(m, n, f[0], x, inc, y, 1, got, n+1)
				near(t, want, got, 1, fmt.Sprintf("ger %v inc %d alpha %v", s, inc, f[0]))
			}
		}
	}
}

// A result of beta 0 is not read: what is not a number there does not come through.
func TestBetaOfZeroOverwrites(t *testing.T) {
	ours := perennial.New()
	nan := float32(math.NaN())
	for _, alpha := range []float32{1, 2} {
		c := []float32{nan, nan}
		ours.Sgemm(blas.NoTrans, blas.NoTrans, 1, 2, 1, alpha, []float32{3}, 1, []float32{4, 5}, 2, 0, c, 2)
		require.Equal(t, []float32{12 * alpha, 15 * alpha}, c)
		y := []float32{nan}
		ours.Sgemv(blas.NoTrans, 1, 1, alpha, []float32{3}, 1, []float32{4}, 1, 0, y, 1)
		require.Equal(t, []float32{12 * alpha}, y)
	}
}

func TestThreadsChangeNoBit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range [][3]int{{300, 200, 150}, {10, 900, 700}, {784, 256, 64}} {
		m, n, k := s[0], s[1], s[2]
		a, b := values(r, m*k), values(r, k*n)
		for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
			lda := k
			if tA == blas.Trans {
				lda = m
			}
			var want []float32
			for _, threads := range []int{1, 2, 5} {
				c := make([]float32, m*n)
				perennial.New(perennial.WithThreads(threads)).Sgemm(tA, blas.NoTrans, m, n, k, 1, a, lda, b, n, 0, c, n)
				if want == nil {
					want = c
				}
				require.Equal(t, want, c, "%v, %d threads", s, threads)
			}
		}
	}
}

// What gonum refuses is refused with gonum's words.
func TestBadArgumentsPanicAsInGonum(t *testing.T) {
	x := make([]float32, 8)
	for name, call := range map[string]func(blas.Float32){
		"transpose": func(b blas.Float32) { b.Sgemm('?', blas.NoTrans, 2, 2, 2, 1, x, 2, x, 2, 0, x, 2) },
		"negative":  func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.NoTrans, -1, 2, 2, 1, x, 2, x, 2, 0, x, 2) },
		"lda":       func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.NoTrans, 2, 2, 2, 1, x, 1, x, 2, 0, x, 2) },
		"short a":   func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.NoTrans, 2, 2, 2, 1, x[:3], 2, x, 2, 0, x, 2) },
		"short b":   func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.Trans, 2, 2, 2, 1, x, 2, x[:3], 2, 0, x, 2) },
		"short c":   func(b blas.Float32) { b.Sgemm(blas.Trans, blas.NoTrans, 2, 2, 2, 1, x, 2, x, 2, 0, x[:3], 2) },
		"gemv x":    func(b blas.Float32) { b.Sgemv(blas.NoTrans, 2, 2, 1, x, 2, x[:1], 1, 0, x, 1) },
		"gemv y":    func(b blas.Float32) { b.Sgemv(blas.Trans, 2, 2, 1, x, 2, x, 1, 0, x[:1], 1) },
		"ger a":     func(b blas.Float32) { b.Sger(2, 2, 1, x, 1, x, 1, x[:3], 2) },
		"ger inc":   func(b blas.Float32) { b.Sger(2, 2, 1, x, 0, x, 1, x, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			want := caught(func() { call(gonum.Implementation{}) })
			require.NotNil(t, want)
			require.Equal(t, want, caught(func() { call(perennial.New()) }))
		})
	}
}

func caught(f func()) (what any) {
	defer func() { what = recover() }()
	f()
	return nil
}

func TestASteadyCallerAllocatesNothing(t *testing.T) {
	if poolsDrop {
		t.Skip("sync.Pool drops buffers under the race detector")
	}
	ours := perennial.New(perennial.WithThreads(1))
	x, y, c := make([]float32, 64*64), make([]float32, 64*64), make([]float32, 64*64)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		ours.Sgemm(blas.NoTrans, blas.Trans, 64, 64, 64, 1, x, 64, y, 64, 0, c, 64)
		ours.Sgemm(blas.NoTrans, blas.NoTrans, 64, 64, 64, 0.5, x, 64, y, 64, 1, c, 64)
		ours.Sgemv(blas.NoTrans, 64, 64, 2, x, 64, y, 1, 1, c, 1)
		ours.Sger(64, 64, 2, x, 1, y, 1, c, 64)
	}))
}
