package replay_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// units are features of examples by position: ReLU units over some hidden causes.
type units struct {
	width    int
	features [][]float32
	answer   []float32
}

func newUnits(width, causes, n int) *units {
	r := rand.New(rand.NewPCG(1, 2))
	weights := make([]float64, width*causes)
	for i := range weights {
		weights[i] = r.NormFloat64()
	}
	u := &units{width: width}
	for range n {
		f, hidden := make([]float32, width), make([]float64, causes)
		for c := range hidden {
			hidden[c] = r.NormFloat64()
		}
		for i := range f {
			v := 0.5
			for c, h := range hidden {
				v += h * weights[i*causes+c] / math.Sqrt(float64(causes))
			}
			f[i] = float32(max(v, 0))
		}
		u.features = append(u.features, f)
	}
	return u
}

func (u *units) Judge(list []*replay.Example) replay.Opinions {
	u.answer = u.answer[:0]
	for _, ex := range list {
		u.answer = append(u.answer, u.features[ex.Position]...)
	}
	return replay.Opinions{Losses: make([]float32, len(list)), Features: u.answer, Width: u.width}
}

func (u *units) Ahead(list, _ []*replay.Example) []float32 { return make([]float32, len(list)) }

// unit returns a feature scaled to norm 1.
func (u *units) unit(at int) []float64 {
	f, square := make([]float64, u.width), 0.0
	for _, v := range u.features[at] {
		square += float64(v) * float64(v)
	}
	for i, v := range u.features[at] {
		f[i] = float64(v) / math.Sqrt(square)
	}
	return f
}

// BenchmarkHerding is what looking at more members brings, and costs: distance is that of the mean
// feature of the examples held from that of the class's arrivals, the mean over the second half
// of a stream of one class; ns/arrival is the offer's.
func BenchmarkHerding(b *testing.B) {
	const arrivals = 4000
	u := newUnits(100, 20, arrivals)
	for _, capacity := range []int{20, 50, 500} {
		configs := []replay.Config{{Kind: replay.Reservoir, Capacity: capacity}}
		for _, compare := range []int{3, 5, 10, 50, replay.MaxCompare} {
			configs = append(configs, replay.Config{Kind: replay.Herding, Capacity: capacity, Compare: compare})
		}
		for _, cfg := range configs {
			b.Run(fmt.Sprintf("%d/%s-%d", capacity, cfg.Kind, cfg.Compare), func(b *testing.B) {
				distance := 0.0
				for b.Loop() {
					b.StopTimer()
					m := judged(b, cfg, u)
					r, mean, n := rng.New(1, "keep", 0), make([]float64, u.width), 0.0
					distance = 0
					for i := range arrivals {
						for k, v := range u.unit(i) {
							mean[k] += (v - mean[k]) / float64(min(i+1, 1000))
						}
						ex := &replay.Example{ID: fmt.Sprint("p", i), Position: uint64(i), Weight: 1}
						b.StartTimer()
						m.Add(ex, r)
						b.StopTimer()
						if i >= arrivals/2 && i%100 == 0 {
							distance, n = distance+u.distance(all(m), mean), n+1
						}
					}
					distance /= n
					b.StartTimer()
				}
				b.ReportMetric(distance, "distance")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/arrivals, "ns/arrival")
			})
		}
	}
}

// distance is that of the mean of examples' features from another.
func (u *units) distance(list []*replay.Example, from []float64) float64 {
	off := make([]float64, u.width)
	for _, ex := range list {
		for k, v := range u.unit(int(ex.Position)) {
			off[k] += v / float64(len(list))
		}
	}
	square := 0.0
	for k := range off {
		square += (off[k] - from[k]) * (off[k] - from[k])
	}
	return math.Sqrt(square)
}
