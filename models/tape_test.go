package models

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
)

func tape(g *gorgonia.ExprGraph, roots gorgonia.Nodes, rows int) (compute.Runner, error) {
	return compute.NewTape(g, roots, rows)
}

func TestModelsLearnTheSameBitsOnTheTapeMachine(t *testing.T) {
	for _, s := range []Spec{
		{Kind: "linear", Task: Regression, Dense: 3, Categories: []int{4}},
		{Kind: "mlp", Task: Binary, Dense: 5, Hidden: []int{9, 7}},
		{Kind: "mlp", Task: Multiclass, Classes: 3, Dense: 4, Hidden: []int{6}, Activation: "tanh"},
	} {
		t.Run(s.Kind+" "+string(s.Task), func(t *testing.T) {
			learn := func(run compiler) Params {
				m, err := New(s, 8)
				require.NoError(t, err)
				m.run = run
				r := rand.New(rand.NewPCG(1, 2))
				m.Init(r)
				for range 40 {
					b := &Batch{Rows: 1 + r.IntN(8)}
					for range b.Rows {
						for range s.Dense {
							b.Dense = append(b.Dense, float32(r.NormFloat64()))
						}
						for _, n := range s.Categories {
							b.Categories = append(b.Categories, r.Int32N(int32(n)))
						}
						target := make([]float32, s.Outputs())
						target[r.IntN(len(target))] = 1
						b.Targets = append(b.Targets, target...)
						b.Weights = append(b.Weights, float32(r.Float64()))
					}
					_, err := m.Gradients(b)
					require.NoError(t, err)
					for i, p := range m.params {
						for j := range p.Data {
							p.Data[j] -= float32(0.05 * m.grads[i].Data[j])
						}
					}
					out := make([]float32, b.Rows*s.Outputs())
					require.NoError(t, m.Predict(out, b))
				}
				return m.params
			}
			require.True(t, learn(sequence).Equal(learn(tape)))
		})
	}
}
