package ledger_test

import (
	"bytes"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

// sized returns an event of about 500 bytes as stored.
func sized(id string) feedback.Event {
	e := event(id)
	e.Data = append(append([]byte(`{"x":"`), bytes.Repeat([]byte("x"), 300)...), `"}`...)
	return e
}

// What one commit costs, and what grouping saves: callers that append one event each,
// side by side.
func BenchmarkAppendCallers(b *testing.B) {
	for _, callers := range []int{1, 64, 1024, 4096} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			l := open(b, ledger.Config{})
			var n atomic.Int64
			b.SetParallelism(callers) // goroutines per processor
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, err := l.Append(b.Context(), []feedback.Event{sized(fmt.Sprint("e", n.Add(1)))})
					if err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// What a busy ingest does: some callers, each with batches.
func BenchmarkAppendCallersBatch(b *testing.B) {
	const callers, size = 32, 100
	l := open(b, ledger.Config{})
	var n atomic.Int64
	b.SetParallelism(callers / 2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		batch := make([]feedback.Event, size)
		for pb.Next() {
			from := n.Add(size)
			for i := range batch {
				batch[i] = sized(fmt.Sprint("e", from+int64(i)))
			}
			if _, err := l.Append(b.Context(), batch); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "events/s")
}

// One caller that appends batches.
func BenchmarkAppendBatch(b *testing.B) {
	for _, size := range []int{1, 4, 64, 1000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			l := open(b, ledger.Config{})
			batch := make([]feedback.Event, size)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					n++
					batch[i] = sized(fmt.Sprint("e", n))
				}
				_, err := l.Append(b.Context(), batch)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkScan(b *testing.B) {
	const records = 200_000
	l := open(b, ledger.Config{})
	batch := make([]feedback.Event, 1000)
	for k := range records / len(batch) {
		for i := range batch {
			batch[i] = sized(fmt.Sprint("e", k, "-", i))
		}
		_, err := l.Append(b.Context(), batch)
		require.NoError(b, err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		s, err := l.Scan(b.Context(), 1)
		require.NoError(b, err)
		for range records {
			r, err := s.Next(b.Context())
			require.NoError(b, err)
			b.SetBytes(int64(len(r.Data)))
			n++
		}
		s.Stop()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
