package optim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// click is the model of the benchmarks of tables: 26 fields hashed into 2^20 rows.
func click() models.Spec {
	s := models.Spec{Kind: "deepfm", Task: models.Binary, Table: 1 << 20, Embedding: 16, Hidden: []int{64, 32}}
	for range 26 {
		s.Categories = append(s.Categories, s.Table)
	}
	return s
}

// hashed is 40 active features out of 2^20.
func hashed() models.Spec {
	s := models.Spec{Kind: "sparse_linear", Task: models.Binary, Table: 1 << 20}
	for range 40 {
		s.Categories = append(s.Categories, s.Table)
	}
	return s
}

// clicks returns batches of categories that are uniform over the table, so that nearly
// every row of it that is touched comes from memory.
func clicks(s models.Spec, batches, rows int) []*models.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]*models.Batch, batches)
	for i := range out {
		b := &models.Batch{Rows: rows}
		for range rows {
			for _, n := range s.Categories {
				b.Categories = append(b.Categories, r.Int32N(int32(n)))
			}
			b.Targets = append(b.Targets, float32(r.IntN(2)))
			b.Weights = append(b.Weights, 1)
		}
		out[i] = b
	}
	return out
}

// trained returns one training step on the batches in turn.
func trained(tb testing.TB, s models.Spec, list []optim.Config, batches []*models.Batch) func() error {
	m, err := models.New(s, batches[0].Rows)
	require.NoError(tb, err)
	m.Init(rand.New(rand.NewPCG(3, 4)))
	chain, err := optim.New(list, m.Params())
	require.NoError(tb, err)
	next := 0
	step := func() error {
		b := batches[next]
		if next++; next == len(batches) {
			next = 0
		}
		_, err := chain.Learn(m, b)
		return err
	}
	for range batches { // builds the graph, and has the system find the table's pages
		require.NoError(tb, step())
	}
	return step
}

func TestTrainingOnTablesAllocatesNothing(t *testing.T) {
	for name, list := range map[string][]optim.Config{
		"sgd": {{SGD: &optim.SGD{}}}, "adagrad": {{Clip: &optim.Clip{}}, {Adagrad: &optim.Adagrad{}}}, "ftrl": {{FTRL: &optim.FTRL{L1: 0.1}}},
		"adamw": {{L2SP: &optim.L2SP{}}, {AdamW: &optim.AdamW{}}, {Schedule: &optim.Schedule{Kind: optim.InverseSqrt}}},
	} {
		for _, s := range []models.Spec{click(), hashed()} {
			s.Table = 1 << 10
			for i := range s.Categories {
				s.Categories[i] = s.Table
			}
			step := trained(t, s, list, clicks(s, 1, 7))
			require.Zero(t, testing.AllocsPerRun(20, func() {
				if err := step(); err != nil {
					t.Error(err)
				}
			}), "%s %s", s.Kind, name)
		}
	}
}

// BenchmarkTables takes whole training steps, as the engine does.
func BenchmarkTables(b *testing.B) {
	for _, net := range []struct {
		name string
		spec models.Spec
		rows []int
	}{{"deepfm", click(), []int{1, 32, 256}}, {"sparse_linear", hashed(), []int{1, 32}}} {
		for _, rows := range net.rows {
			batches := clicks(net.spec, 16384/rows, rows)
			for _, o := range []struct {
				name string
				list []optim.Config
			}{
				{"sgd", []optim.Config{{SGD: &optim.SGD{}}}}, {"adagrad", []optim.Config{{Adagrad: &optim.Adagrad{}}}},
				{"adamw", []optim.Config{{AdamW: &optim.AdamW{}}}}, {"ftrl", []optim.Config{{FTRL: &optim.FTRL{L1: 0.01}}}},
			} {
				b.Run(fmt.Sprintf("%s/rows=%d/%s", net.name, rows, o.name), func(b *testing.B) {
					step := trained(b, net.spec, o.list, batches)
					b.ReportAllocs()
					for b.Loop() {
						if err := step(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
				})
			}
		}
	}
}
