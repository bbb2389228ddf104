package replay_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

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

// BenchmarkPause is what a version costs the loop while it takes a memory of a million
// examples, of which a thousand came or changed since the last one: Snapshot and Pieces.
// ns/op is the mean, which a collection of garbage or another program may have a part in,
// median-ns the median. pages and MB are what the version writes anew, not counting what is
// known by its digest; after-ns is what an arrival costs meanwhile, as it may find a page
// shared.
func BenchmarkPause(b *testing.B) {
	const size = 1_000_000
	configs := []replay.Config{}
	for _, kind := range replay.Kinds() {
		configs = append(configs, replay.Config{Kind: kind, Capacity: size})
	}
	configs = append(configs, replay.Config{Capacity: size, Retrieve: replay.Retrieve{Kind: replay.Balanced}})
	list := examples(size)
	for _, cfg := range configs {
		b.Run(fmt.Sprintf("%s-%s", cfg.Kind, cfg.WithDefaults().Retrieve.Kind), func(b *testing.B) {
			m := newMemory(b, cfg)
			r := rand.New(rand.NewPCG(9, 9))
			replay.Offer(m, list, r)
			fresh, next := make([]*replay.Example, 1000), 0
			var pages, written, offering float64
			var pauses []time.Duration
			record := func() {
				for _, p := range m.Snapshot().Pieces() {
					if p.Seal == nil || p.Seal.Digest() == "" {
						var w counter
						require.NoError(b, p.Write(&w))
						pages, written = pages+1, written+float64(w)
					}
				}
			}
			record()
			pages, written = 0, 0
			for b.Loop() {
				b.StopTimer()
				for i := range fresh {
					next++
					fresh[i] = example(next)
					fresh[i].ID = fmt.Sprint("later", next)
				}
				from := time.Now()
				replay.Offer(m, fresh, r)
				if o, ok := m.(replay.Observer); ok {
					o.Observe(m.Draw(nil, len(fresh), r), make([]float32, len(fresh)))
				}
				offering += float64(time.Since(from))
				b.StartTimer()
				from = time.Now()
				m.Snapshot().Pieces()
				pauses = append(pauses, time.Since(from))
				b.StopTimer()
				record()
				b.StartTimer()
			}
			n := float64(b.N)
			slices.Sort(pauses)
			b.ReportMetric(float64(pauses[len(pauses)/2]), "median-ns")
			b.ReportMetric(float64(m.Len()), "held")
			b.ReportMetric(pages/n, "pages")
			b.ReportMetric(written/n/1e6, "MB")
			b.ReportMetric(offering/n/float64(len(fresh)), "after-ns")
		})
	}
}

func BenchmarkMillion(b *testing.B) {
	m := filled(b, replay.Config{Capacity: 1_000_000}, 1_000_000)
	s := m.Snapshot()
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n, err := s.WriteTo(io.Discard)
			require.NoError(b, err)
			b.SetBytes(n)
		}
	})
	data := encode(b, s)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			_, err := replay.Read(data)
			require.NoError(b, err)
		}
	})
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
