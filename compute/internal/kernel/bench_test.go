package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// peak returns the floating point operations per second of multiply-adds on registers:
// the best of several short runs, next to what is measured.
func peak(s *kernel.Set) float64 {
	best := 0.0
	for range 5 {
		start := time.Now()
		ops := s.PeakFMA(1_000_000)
		best = max(best, float64(ops)/time.Since(start).Seconds())
	}
	return best
}

func report(b *testing.B, flops, bytes int, top float64) {
	seconds := b.Elapsed().Seconds() / float64(b.N)
	if flops > 0 {
		b.ReportMetric(float64(flops)/seconds/1e9, "GFLOP/s")
		if top > 0 {
			b.ReportMetric(100*float64(flops)/seconds/top, "%peak")
		}
	}
	b.ReportMetric(float64(bytes)/seconds/1e9, "GB/s")
}

func BenchmarkProduct(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	s := kernel.Best()
	top := peak(s)
	for _, bc := range []struct {
		form    string
		m, n, k int
	}{
		{"NN", 512, 512, 512},
		{"TN", 512, 512, 512},
		{"NT", 512, 512, 512},
		{"NN", 1, 16, 16}, {"NT", 1, 16, 16},
		{"NN", 1, 256, 784}, {"NN", 1, 256, 256}, {"NN", 1, 10, 256}, {"NT", 1, 256, 10}, {"NT", 1, 256, 256},
		{"NN", 10, 256, 784}, {"NT", 10, 256, 256}, {"TN", 784, 256, 10},
		{"NN", 64, 256, 784}, {"NT", 64, 256, 256}, {"TN", 784, 256, 64}, {"NN", 64, 10, 256}, {"TN", 256, 10, 64},
		{"NN", 256, 256, 784}, {"NT", 256, 256, 256}, {"TN", 784, 256, 256},
	} {
		b.Run(fmt.Sprintf("%s/%dx%dx%d", bc.form, bc.m, bc.n, bc.k), func(b *testing.B) {
			ws := make([]float32, kernel.Workspace)
			dst, x, y := make([]float32, bc.m*bc.n), values(r, bc.m*bc.k), values(r, bc.n*bc.k)
			b.ReportAllocs()
			for b.Loop() {
				switch bc.form {
				case "NN":
					s.GemmNN(dst, x, y, bc.m, bc.n, bc.k, bc.n, bc.k, bc.n, false, ws)
				case "TN":
					s.GemmTN(dst, x, y, bc.m, bc.n, bc.k, bc.n, bc.m, bc.n, false, ws)
				default:
					s.GemmNT(dst, x, y, bc.m, bc.n, bc.k, bc.n, bc.k, bc.k, false, ws)
				}
			}
			report(b, 2*bc.m*bc.n*bc.k, 4*(bc.m*bc.n+bc.m*bc.k+bc.n*bc.k), top)
		})
	}
}
