package models_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

func small() models.Spec {
	return models.Spec{Kind: "mlp", Task: models.Binary, Dense: 16, Hidden: []int{64, 32}}
}

func randomBatch(s models.Spec, rows int, r *rand.Rand) *models.Batch {
	b := &models.Batch{Rows: rows}
	k := s.Outputs()
	for range rows {
		for range s.Dense {
			b.Dense = append(b.Dense, float32(r.NormFloat64()))
		}
		for _, n := range s.Categories {
			b.Categories = append(b.Categories, r.Int32N(int32(n)))
		}
		switch s.Task {
		case models.Multiclass:
			row := make([]float32, k)
			row[r.IntN(k)] = 1
			b.Targets = append(b.Targets, row...)
		case models.Binary:
			b.Targets = append(b.Targets, float32(r.IntN(2)))
		default:
			b.Targets = append(b.Targets, float32(r.NormFloat64()))
		}
		b.Weights = append(b.Weights, float32(0.5+r.Float64()))
	}
	return b
}

func newModel(t testing.TB, s models.Spec, capacity int, seed uint64) *models.Model {
	t.Helper()
	m, err := models.New(s, capacity)
	require.NoError(t, err)
	m.Init(rand.New(rand.NewPCG(seed, 1)))
	return m
}

// A net is a network by its name in the benchmarks.
type net struct {
	name string
	spec models.Spec
}

// nets are of one shape, without and with splines.
func nets() []net {
	splined := small()
	splined.Splines = 9
	tables := models.Spec{Kind: "deepfm", Task: models.Binary, Hidden: []int{64, 32}, Embedding: 16, Table: 1 << 16}
	for range 26 {
		tables.Categories = append(tables.Categories, tables.Table)
	}
	return []net{{"mlp-16-64-32-1", small()}, {"mlp-16-64-32-1-splines-9", splined}, {"deepfm-26x16-64-32-1", tables}}
}

func BenchmarkGradients(b *testing.B) {
	for _, n := range nets() {
		for _, rows := range []int{1, 5, 32, 64} {
			b.Run(fmt.Sprintf("%s/rows=%d", n.name, rows), func(b *testing.B) {
				m := newModel(b, n.spec, rows, 1)
				batch := randomBatch(n.spec, rows, rand.New(rand.NewPCG(2, 3)))
				_, err := m.Gradients(batch)
				require.NoError(b, err)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := m.Gradients(batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
			})
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	for _, n := range nets() {
		for _, rows := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/rows=%d", n.name, rows), func(b *testing.B) {
				m := newModel(b, n.spec, rows, 1)
				batch := randomBatch(n.spec, rows, rand.New(rand.NewPCG(2, 3)))
				dst := make([]float32, rows)
				require.NoError(b, m.Predict(dst, batch))
				b.ReportAllocs()
				for b.Loop() {
					if err := m.Predict(dst, batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
