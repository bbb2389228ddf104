package models

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute"
)

// digits is the network of the peers' comparison: two layers of 3×3 filters with pools over
// 28×28 pixels, and an affine map to 10 classes.
func digits() Spec {
	return Spec{
		Kind: "cnn", Task: Multiclass, Classes: 10, Dense: 784,
		Image: &Image{Height: 28, Width: 28}, Conv: []Conv{{Filters: 16}, {Filters: 32}},
	}
}

func digitBatch(rows int, r *rand.Rand) *Batch {
	b := &Batch{Rows: rows, Dense: make([]float32, rows*784), Targets: make([]float32, rows*10), Weights: make([]float32, rows)}
	for i := range b.Dense {
		b.Dense[i] = float32(r.Float64())
	}
	for i := range rows {
		b.Targets[i*10+r.IntN(10)], b.Weights[i] = 1, 1
	}
	return b
}

// BenchmarkCNN takes whole steps: gradients, and SGD in one pass.
func BenchmarkCNN(b *testing.B) {
	for _, rows := range []int{1, 32} {
		r := rand.New(rand.NewPCG(1, 2))
		m, err := New(digits(), rows)
		require.NoError(b, err)
		m.Init(r)
		batch := digitBatch(rows, r)
		update, hyper := compute.Best().NewUpdater(), compute.Hyper{Rate: 0.01, Scale: 1, Factor: 1}
		step := func() {
			if _, err := m.Gradients(batch); err != nil {
				b.Fatal(err)
			}
			for i, p := range m.Params() {
				update.SGD(p.Data, p.Data, m.Grads()[i].Data, nil, &hyper)
			}
		}
		step() // builds the graph
		b.Run(fmt.Sprintf("step/rows=%d", rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		})
		out := make([]float32, rows*10)
		require.NoError(b, m.Predict(out, batch))
		b.Run(fmt.Sprintf("predict/rows=%d", rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Predict(out, batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
