package optim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/modelstest"
	"github.com/perennial-ml/perennial/optim"
)

// BenchmarkTraining takes whole training steps: gradients of a batch, and the step.
func BenchmarkTraining(b *testing.B) {
	for _, net := range []struct {
		name    string
		in      int
		hidden  []int
		batches []int
	}{
		{"16-16-16-10", 16, []int{16, 16}, []int{1}},
		{"784-256-256-10", 784, []int{256, 256}, []int{1, 10, 64, 256}},
	} {
		for _, rows := range net.batches {
			for name, list := range map[string][]optim.Config{"sgd": {{SGD: &optim.SGD{}}}, "adamw": {{AdamW: &optim.AdamW{}}}} {
				b.Run(fmt.Sprintf("%s/rows=%d/%s", net.name, rows, name), func(b *testing.B) {
					s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: net.in, Hidden: net.hidden}
					r := rand.New(rand.NewPCG(1, 2))
					m, err := models.New(s, rows)
					require.NoError(b, err)
					m.Init(r)
					batch := modelstest.Batch(s, rows, r)
					chain, err := optim.New(list, m.Params())
					require.NoError(b, err)
					step := func() error {
						if _, err := m.Gradients(batch); err != nil {
							return err
						}
						return chain.Step(m.Grads(), m.Params())
					}
					require.NoError(b, step()) // builds the graph
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
