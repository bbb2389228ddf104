package models

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute"
)

// The oracles: Gorgonia's machine, and its ops in order.

func tape(p program) (compute.Runner, error) { return compute.NewTape(p.graph, p.roots, p.rows) }

func sequence(p program) (compute.Runner, error) {
	return compute.NewSequence(p.graph, p.roots, p.rows)
}

// runBy lets m compute all that it computes by graphs, and those by run.
func runBy(m *Model, run compiler) { m.run, m.single = run, nil }

var learned = []Spec{
	{Kind: "linear", Task: Regression, Dense: 3, Categories: []int{4}},
	{Kind: "mlp", Task: Binary, Dense: 5, Hidden: []int{9, 7}},
	{Kind: "mlp", Task: Multiclass, Classes: 3, Dense: 4, Hidden: []int{6}, Activation: "tanh"},
	{Kind: "deepfm", Task: Binary, Dense: 2, Categories: []int{7, 5, 6}, Embedding: 4, Hidden: []int{6}},
	{Kind: "wide_and_deep", Task: Multiclass, Classes: 3, Categories: []int{9, 9}, Table: 9, Embedding: 3, Hidden: []int{5}, Activation: "tanh"},
	{Kind: "sparse_linear", Task: Binary, Dense: 2, Categories: []int{9, 9, 9}, Table: 9},
	{Kind: "sparse_linear", Task: Regression, Categories: []int{5, 6}},
	{Kind: "cnn", Task: Multiclass, Classes: 3, Dense: 20, Image: &Image{Height: 5, Width: 4}, Conv: []Conv{{Filters: 4}}, Hidden: []int{5}, Activation: "gelu"},
	{Kind: "mlp", Task: Binary, Dense: 4, Hidden: []int{9, 7}, Norm: "layer", Dropout: 0.3},
	{Kind: "mlp", Task: Multiclass, Classes: 3, Dense: 4, Hidden: []int{9}, ClassNorm: 0.5},
	{Kind: "mlp", Task: Multiclass, Classes: 3, Dense: 4, Categories: []int{3}, Hidden: []int{9}, Activation: "gelu", Splines: 9},
	{Kind: "wide_and_deep", Task: Binary, Dense: 2, Categories: []int{7, 5}, Embedding: 3, Hidden: []int{5}, Splines: 5},
}

// learn takes steps on random batches of up to 8 rows.
func learn(t *testing.T, s Spec, steps int, run compiler) Params {
	t.Helper()
	m, err := New(s, 8)
	require.NoError(t, err)
	runBy(m, run)
	r := rand.New(rand.NewPCG(1, 2))
	m.Init(r)
	for range steps {
		b := &Batch{Rows: 1 + r.IntN(8)}
		if s.Dropout > 0 {
			b.Noise = r.Uint64()
		}
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
		grads := m.grads.Full()
		for i, p := range m.params {
			for j := range p.Data {
				p.Data[j] -= float32(0.05 * grads[i].Data[j])
			}
		}
		out := make([]float32, b.Rows*s.Outputs())
		require.NoError(t, m.Predict(out, b))
	}
	return m.params
}

func TestModelsLearnTheSameBitsOnTheTapeMachine(t *testing.T) {
	for _, s := range learned {
		t.Run(s.Kind+" "+string(s.Task), func(t *testing.T) {
			require.True(t, learn(t, s, 40, sequence).Equal(learn(t, s, 40, tape)))
		})
	}
}

func TestPlansLearnWhatTheTapeMachineLearns(t *testing.T) {
	for _, s := range learned {
		t.Run(s.Kind+" "+string(s.Task), func(t *testing.T) {
			want, got := learn(t, s, 100, tape), learn(t, s, 100, plan())
			for i := range want {
				require.InDeltaSlice(t, want[i].Data, got[i].Data, 1e-4, want[i].Name)
			}
		})
	}
}

func TestWeightsDependOnNeitherKernelsNorThreads(t *testing.T) {
	for _, s := range learned {
		t.Run(s.Kind+" "+string(s.Task), func(t *testing.T) {
			want := learn(t, s, 10_000, plan(compute.WithKernels("portable")))
			require.True(t, want.Equal(learn(t, s, 10_000, plan())), "the best kernels differ from the portable ones")
			require.True(t, want.Equal(learn(t, s, 10_000, plan(compute.WithThreads(2)))), "two threads differ from one")
		})
	}
}

// Batches of any size run on one graph.
func TestOneGraphServesBatchesOfAnySize(t *testing.T) {
	m, err := New(learned[1], 300)
	require.NoError(t, err)
	for _, rows := range []int{1, 299, 7, 300, 64} {
		b := &Batch{Rows: rows, Dense: make([]float32, rows*5), Targets: make([]float32, rows), Weights: make([]float32, rows)}
		_, err := m.Gradients(b)
		require.NoError(t, err)
		require.NoError(t, m.Predict(make([]float32, rows), b))
	}
	require.Len(t, m.trainers, 1)
	require.Len(t, m.machines, 1)
}

// Ids of a batch that was refused would be read from beyond the table by a runner that computes
// all rows.
func TestARefusedCategoryLeavesNothingBehind(t *testing.T) {
	s := Spec{Kind: "sparse_linear", Task: Regression, Categories: []int{5, 6}}
	good := &Batch{Rows: 3, Categories: []int32{0, 1, 4, 5, 2, 2}, Targets: []float32{1, 2, 3}, Weights: []float32{1, 1, 1}}
	bad := &Batch{Rows: 4, Categories: []int32{0, 1, 4, 5, 2, 2, 0, 1000}, Targets: make([]float32, 4), Weights: []float32{1, 1, 1, 1}}
	for name, run := range map[string]compiler{"plan": plan(), "tape": tape, "sequence": sequence} {
		m, err := New(s, 4)
		require.NoError(t, err)
		runBy(m, run)
		want, err := m.Gradients(good)
		require.NoError(t, err, name)
		grads := m.Grads().Full()
		_, err = m.Gradients(bad)
		require.ErrorIs(t, err, ErrBatch, name)
		require.ErrorContains(t, err, "Categories[7] is 1000, must be between 0 and 5", name)
		got, err := m.Gradients(good)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
		require.True(t, grads.Equal(m.Grads().Full()), name)
	}
}
