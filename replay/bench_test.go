package replay_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

func kinds() []replay.Kind {
	return []replay.Kind{replay.Reservoir, replay.ClassBalanced, replay.Stratified, replay.RecencyMixed}
}

func examples(n int) []*replay.Example {
	list := make([]*replay.Example, n)
	for i := range list {
		list[i] = example(i)
	}
	return list
}

func BenchmarkAdd(b *testing.B) {
	list := examples(200_000)
	for _, kind := range kinds() {
		b.Run(string(kind), func(b *testing.B) {
			m := newMemory(b, replay.Config{Kind: kind})
			r := rng.New(1, "add", 0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Add(list[i%len(list)], r)
			}
		})
	}
}

func BenchmarkDraw32(b *testing.B) {
	for _, kind := range kinds() {
		b.Run(string(kind), func(b *testing.B) {
			m := filled(b, replay.Config{Kind: kind}, 20_000)
			r := rng.New(1, "draw", 0)
			var dst []*replay.Example
			b.ReportAllocs()
			for b.Loop() {
				dst = m.Draw(dst[:0], 32, r)
			}
		})
	}
}

func BenchmarkRemoveIDAndAdd(b *testing.B) {
	for _, kind := range kinds() {
		b.Run(string(kind), func(b *testing.B) {
			m := filled(b, replay.Config{Kind: kind, Capacity: 100_000}, 100_000)
			list := examples(100_000)
			r := rng.New(1, "add", 0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ex := list[i%len(list)]
				m.RemoveID(ex.ID)
				m.Add(ex, r)
			}
		})
	}
}

// counter counts the bytes written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func BenchmarkMillion(b *testing.B) {
	for _, kind := range []replay.Kind{replay.Reservoir, replay.Stratified, replay.RecencyMixed} {
		cfg := replay.Config{Kind: kind, Capacity: 1_000_000}
		m := filled(b, cfg, 1_000_000)
		b.Run("snapshot/"+string(kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Snapshot()
			}
		})
		// As in the loop between two versions: some examples come, of which some are kept.
		r := rand.New(rand.NewPCG(9, 9))
		next := 0
		arrive := func(n int) {
			for range n {
				next++
				m.Add(&replay.Example{ID: fmt.Sprint("later", next), Segment: fmt.Sprint("k=", next%7), Dense: make([]float32, 4), Weight: 1}, r)
			}
		}
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("snapshot after %d/%s", n, kind), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					arrive(n)
					b.StartTimer()
					m.Snapshot()
				}
			})
			b.Run(fmt.Sprintf("write what changed after %d/%s", n, kind), func(b *testing.B) {
				written := int64(0)
				for b.Loop() {
					b.StopTimer()
					arrive(n)
					list := m.Snapshot().Pieces()
					b.StartTimer()
					for _, p := range list {
						if p.Seal == nil || p.Seal.Digest() == "" {
							w := counter(0)
							require.NoError(b, p.Write(&w))
							written += int64(w)
						}
					}
				}
				b.ReportMetric(float64(written)/float64(b.N)/1e6, "MB")
			})
		}
		if kind != replay.Reservoir {
			continue
		}
		s := m.Snapshot()
		b.Run("write/"+string(kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n, err := s.WriteTo(io.Discard)
				require.NoError(b, err)
				b.SetBytes(n)
			}
		})
		data := encode(b, s)
		b.Run("read/"+string(kind), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, err := replay.Read(data)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkImage(b *testing.B) {
	m := newMemory(b, replay.Config{Kind: replay.RingBuffer, Capacity: 10, Store: replay.Uint8})
	r := rng.New(1, "add", 0)
	b.Run("add as bytes", func(b *testing.B) {
		ex := sized(1, 784, 0)
		ex.ID = ""
		for b.Loop() {
			m.Add(ex, r)
		}
	})
	b.Run("unpack", func(b *testing.B) {
		u, ex := replay.NewUnpacker(), all(m)[0]
		dst := make([]float32, 0, 784)
		for b.Loop() {
			dst = u.Append(dst[:0], ex)
		}
	})
}
