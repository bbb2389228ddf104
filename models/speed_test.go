package models

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRunners compares plans with their oracles in one run: gradients with a plain
// descent, and one-row predictions.
func BenchmarkRunners(b *testing.B) {
	runners := []struct {
		name string
		run  compiler
	}{{"plan", plan()}, {"sequence", sequence}, {"tape", tape}}
	for _, net := range []struct {
		name    string
		in      int
		hidden  []int
		batches []int
	}{
		{"16-16-16-10", 16, []int{16, 16}, []int{1}},
		{"784-256-256-10", 784, []int{256, 256}, []int{1, 10, 64, 256}},
	} {
		s := Spec{Kind: "mlp", Task: Multiclass, Classes: 10, Dense: net.in, Hidden: net.hidden}
		for _, rows := range net.batches {
			batch := &Batch{Rows: rows, Dense: make([]float32, rows*net.in), Targets: make([]float32, rows*10), Weights: make([]float32, rows)}
			r := rand.New(rand.NewPCG(1, 2))
			for i := range batch.Dense {
				batch.Dense[i] = float32(r.NormFloat64())
			}
			for i := range rows {
				batch.Targets[i*10+r.IntN(10)], batch.Weights[i] = 1, 1
			}
			for _, runner := range runners {
				m, err := New(s, rows)
				require.NoError(b, err)
				runBy(m, runner.run)
				m.Init(r)
				_, err = m.Gradients(batch) // builds the graph
				require.NoError(b, err)
				b.Run(fmt.Sprintf("gradients/%s/rows=%d/%s", net.name, rows, runner.name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := m.Gradients(batch); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
				})
				if rows > 1 {
					continue
				}
				out := make([]float32, 10)
				b.Run(fmt.Sprintf("predict/%s/%s", net.name, runner.name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := m.Predict(out, batch); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
