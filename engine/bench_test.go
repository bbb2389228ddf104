package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
)

// benchConfig is the loop benchmark's learner: 16 numbers, an MLP 64-32, batches of 32
// beside 32 rehearsed.
func benchConfig() engine.Config {
	cfg := config()
	cfg.Spec = models.Spec{Kind: "mlp", Task: models.Binary, Dense: 16, Hidden: []int{64, 32}, Activation: "relu"}
	cfg.Batch.Size = 32
	cfg.Arms[0].Replay.Capacity = 10_000
	cfg.Signals.Join.MaxPredictions = 100_000
	cfg.Checkpoint = engine.Cadence{Every: time.Hour, Records: 1 << 60}
	return cfg
}

func wide(r *rand.Rand) feature.Row {
	x := make([]float32, 16)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return feature.Row{Dense: x}
}

// BenchmarkApply is the cost of one self-contained label, its share of the optimizer
// step included.
func BenchmarkApply(b *testing.B) {
	e := newEngine(b, benchConfig())
	r := rand.New(rand.NewPCG(1, 1))
	l := newTape()
	for i := range b.N {
		x := wide(r)
		y := 0.0
		if x.Dense[0]+x.Dense[1] > 0 {
			y = 1
		}
		l.add(30*time.Microsecond, selfContained(fmt.Sprint("s", i), x, y))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, rec := range l.records {
		if _, err := e.Apply(rec); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSnapshot is how long the loop stands still for a checkpoint: 100,000
// predictions in the window, 10,000 examples in the memory, 200,000 ids.
func BenchmarkSnapshot(b *testing.B) {
	e := newEngine(b, benchConfig())
	r := rand.New(rand.NewPCG(1, 1))
	l := newTape()
	for i := range 100_000 {
		l.add(30*time.Microsecond, prediction(fmt.Sprint("p", i), wide(r), 0.5))
		if i%5 == 0 {
			l.add(0, label(fmt.Sprint("l", i), fmt.Sprint("p", i), 1))
		}
	}
	apply(b, e, l.records)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		parts, err := e.Snapshot()
		require.NoError(b, err)
		require.NotEmpty(b, parts)
	}
}
