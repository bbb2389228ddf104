package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// fresh is a copy of x that begins where the allocator begins: on a cache line, but for
// small ones.
func fresh(x []float32) []float32 { return append(make([]float32, 0, len(x)), x...) }

// report adds what the best of a few short runs reaches, and its share of the best of
// short runs of multiply-adds on registers, in alternation with them: other load on the
// machine slows both.
func report(b *testing.B, s *kernel.Set, flops, bytes int, run func()) {
	b.StopTimer()
	calls := max(1, int(300e-6/(b.Elapsed().Seconds()/float64(b.N))))
	best, top := 0.0, 0.0
	for range 15 {
		start := time.Now()
		ops := s.PeakFMA(100_000)
		top = max(top, float64(ops)/time.Since(start).Seconds())
		start = time.Now()
		for range calls {
			run()
		}
		best = max(best, float64(calls)/time.Since(start).Seconds())
	}
	b.ReportMetric(1e9/best, "best-ns")
	b.ReportMetric(float64(bytes)*best/1e9, "GB/s")
	if flops > 0 {
		b.ReportMetric(float64(flops)*best/1e9, "GFLOP/s")
	}
	if flops > 0 && top > 0 {
		b.ReportMetric(100*float64(flops)*best/top, "%peak")
	}
}

func BenchmarkProduct(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	s := kernel.Best()
	for _, bc := range []struct {
		form    string
		m, n, k int
	}{
		{"NN", 512, 512, 512},
		{"TN", 512, 512, 512},
		{"NT", 512, 512, 512},
		{"NN", 48, 16, 256}, {"TN", 48, 16, 256},
		{"NN", 1, 16, 16}, {"NT", 1, 16, 16},
		{"NN", 1, 256, 784}, {"NN", 1, 256, 256}, {"NN", 1, 10, 256}, {"NT", 1, 256, 10}, {"NT", 1, 256, 256}, {"NT", 1, 64, 416}, {"NT", 1, 416, 64},
		{"NN", 10, 256, 784}, {"NT", 10, 256, 256}, {"TN", 784, 256, 10},
		{"NN", 64, 256, 784}, {"NT", 64, 256, 256}, {"TN", 784, 256, 64}, {"NN", 64, 10, 256}, {"TN", 256, 10, 64},
		{"NN", 256, 256, 784}, {"NT", 256, 256, 256}, {"TN", 784, 256, 256},
	} {
		b.Run(fmt.Sprintf("%s/%dx%dx%d", bc.form, bc.m, bc.n, bc.k), func(b *testing.B) {
			ws := make([]float32, kernel.Workspace)
			dst, x, y := make([]float32, bc.m*bc.n), fresh(values(r, bc.m*bc.k)), fresh(values(r, bc.n*bc.k))
			run := func() {
				switch bc.form {
				case "NN":
					s.GemmNN(dst, x, y, bc.m, bc.n, bc.k, bc.n, bc.k, bc.n, false, ws)
				case "TN":
					s.GemmTN(dst, x, y, bc.m, bc.n, bc.k, bc.n, bc.m, bc.n, false, ws)
				default:
					s.GemmNT(dst, x, y, bc.m, bc.n, bc.k, bc.n, bc.k, bc.k, false, ws)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			report(b, s, 2*bc.m*bc.n*bc.k, 4*(bc.m*bc.n+bc.m*bc.k+bc.n*bc.k), run)
		})
	}
}

func BenchmarkFamilies(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 64
	x, y, dst, ws := fresh(values(r, n*n)), fresh(values(r, n*n)), make([]float32, n*n), make([]float32, kernel.Workspace)
	for _, name := range kernel.Names() {
		s := named(b, name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s.GemmNN(dst, x, y, n, n, n, n, n, n, false, ws)
			}
			report(b, s, 2*n*n*n, 12*n*n, func() { s.GemmNN(dst, x, y, n, n, n, n, n, n, false, ws) })
		})
	}
}

func BenchmarkMap(b *testing.B) {
	s := kernel.Best()
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{16, 4096} {
		x, dst := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = float32(2 * r.NormFloat64())
		}
		for _, name := range []string{"relu", "exp", "log", "sigmoid", "tanh", "gelu", "softplus"} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				run := func() { unary[name].run(s, dst, x) }
				for b.Loop() {
					run()
				}
				report(b, s, 0, 8*n, run)
			})
		}
		for _, name := range []string{"sum", "dot", "squares", "max"} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				run := func() { reductions[name](s, x, dst) }
				for b.Loop() {
					run()
				}
				report(b, s, 0, 4*n, run)
			})
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	u := kernel.Best().NewUpdater()
	h := hyper
	h.Scale, h.Factor, h.Decay = 1, 1, 0
	bytes := map[string]int{"sgd": 12, "momentum": 20, "nesterov": 20, "adamw": 28, "adagrad": 20}
	for _, n := range []int{1024, 784 * 256} {
		s := newState(rand.New(rand.NewPCG(1, 2)), n)
		s.theta, s.grad, s.m, s.v = fresh(s.theta), fresh(s.grad), fresh(s.m), fresh(s.v)
		for name := range bytes {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				run := func() {
					switch name { // without the closures of the tests, which allocate
					case "sgd":
						u.SGD(s.theta, s.theta, s.grad, nil, &h)
					case "momentum", "nesterov":
						h.Nesterov = name == "nesterov"
						u.Momentum(s.theta, s.theta, s.grad, s.v, s.v, nil, &h)
					case "adamw":
						u.AdamW(s.theta, s.theta, s.grad, s.m, s.m, s.v, s.v, nil, &h)
					case "adagrad":
						u.Adagrad(s.theta, s.theta, s.grad, s.v, s.v, nil, &h)
					}
				}
				for b.Loop() {
					run()
				}
				report(b, kernel.Best(), 0, bytes[name]*n, run)
			})
		}
	}
}

// The layers of a small network for digits: forward, and the gradients of the filters.
func BenchmarkCorrelate(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	s, ws := kernel.Best(), make([]float32, kernel.Workspace)
	for _, bc := range []struct {
		name string
		w    kernel.Window
		n    int
	}{
		{"28x28x1to16", kernel.Window{Rows: 28, Columns: 28, Step: 1, Size: 3, Depth: 1, Pitch: 30}, 16},
		{"14x14x16to32", kernel.Window{Rows: 14, Columns: 14, Step: 1, Size: 3, Depth: 16, Pitch: 16 * 16}, 32},
		{"14x14x32to16", kernel.Window{Rows: 14, Columns: 14, Step: 1, Size: 3, Depth: 32, Pitch: 16 * 32}, 16},
		{"28x28x16to32", kernel.Window{Rows: 28, Columns: 28, Step: 1, Size: 3, Depth: 16, Pitch: 30 * 16}, 32},
	} {
		w, n, c := bc.w, bc.n, kernel.NewCorrelation(bc.w, bc.n)
		positions := w.Rows * w.Columns
		x, filters, bias := fresh(values(r, (w.Rows+2)*w.Pitch)), fresh(values(r, w.Terms()*n)), fresh(values(r, n))
		y, panels := make([]float32, positions*n), make([]float32, c.Panels())
		s.PackFilters(panels, filters, c)
		flops, bytes := 2*positions*w.Terms()*n, 4*(len(x)+len(filters)+len(y))
		b.Run("forward/"+bc.name, func(b *testing.B) {
			run := func() { s.Correlate(y, x, panels, bias, c, 0, w.Rows, false, ws) }
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			report(b, s, flops, bytes, run)
		})
		copy(y, values(r, len(y)))
		b.Run("filters/"+bc.name, func(b *testing.B) {
			run := func() { s.CorrelateTN(filters, x, y, c, 0, n, ws) }
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			report(b, s, flops, bytes, run)
		})
	}
}

// BenchmarkZeros is the product of rows of which a share of the elements is not 0, and the
// gradient of weights under them.
func BenchmarkZeros(b *testing.B) {
	s := kernel.Best()
	ws := make([]float32, kernel.Workspace)
	for _, size := range [][3]int{{1, 256, 784}, {20, 512, 784}, {64, 256, 784}, {256, 256, 256}, {384, 100, 784}} {
		m, n, k := size[0], size[1], size[2]
		for _, live := range []float64{1, 0.5, 0.2} {
			r := rand.New(rand.NewPCG(1, 1))
			x, w, dz := make([]float32, m*k), values(r, k*n), values(r, m*n)
			for i := range x {
				if r.Float64() < live {
					x[i] = r.Float32()
				}
			}
			dst := make([]float32, max(m, k)*n)
			b.Run(fmt.Sprintf("%dx%dx%d/live=%v/a_b", m, n, k, live), func(b *testing.B) {
				for range b.N {
					s.AffineFinite(dst, x, w, dz[:n], m, n, k, n, k, n, kernel.ReLU, ws)
				}
			})
			if m > 1 {
				b.Run(fmt.Sprintf("%dx%dx%d/live=%v/aT_b", k, n, m, live), func(b *testing.B) {
					for range b.N {
						s.GemmTN(dst, x, dz, k, n, m, n, k, n, false, ws)
					}
				})
			}
		}
	}
}
