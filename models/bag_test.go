package models_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

// Two single categories around a bag of three: weights are 1, 2, 4, ... by the row of the
// table.
func bagged(t *testing.T, mean bool, table int) func(categories ...int32) float32 {
	t.Helper()
	m, err := models.New(models.Spec{
		Kind: "sparse_linear", Task: models.Regression, Table: table,
		Categories: []int{2, 3, 3, 3, 2}, Bags: []models.Bag{{First: 1, Size: 3, Mean: mean}},
	}, 2)
	require.NoError(t, err)
	for i := range m.Params()[0].Data {
		m.Params()[0].Data[i] = float32(int(1) << i)
	}
	return func(categories ...int32) float32 {
		out := make([]float32, 1)
		require.NoError(t, m.Predict(out, &models.Batch{Rows: 1, Categories: categories}))
		return out[0]
	}
}

func TestABagIsTheSumOrTheMeanOfItsValues(t *testing.T) {
	sum, mean, shared := bagged(t, false, 0), bagged(t, true, 0), bagged(t, false, 3)
	// Rows 0 and 1, then 2 to 4 for all places of the bag, then 5 and 6.
	require.EqualValues(t, 1+(4+16+8)+64, sum(0, 0, 2, 1, 1))
	require.EqualValues(t, 2+(4+4)+32, sum(1, 0, 0, -1, 0), "what stands twice counts twice")
	require.EqualValues(t, 2+32, sum(1, -1, -1, -1, 0))
	require.InDelta(t, 1+28.0/3+64, mean(0, 0, 2, 1, 1), 1e-4)
	require.EqualValues(t, 2+(4+8)/2+32, mean(1, 0, -1, 1, 0))
	require.EqualValues(t, 2+16+32, mean(1, -1, 2, -1, 0))
	require.EqualValues(t, 2+32, mean(1, -1, -1, -1, 0))
	require.EqualValues(t, 1+(1+4+2)+2, shared(0, 0, 2, 1, 1))
}

func TestOnlyABagMayLackACategory(t *testing.T) {
	m, err := models.New(models.Spec{
		Kind: "sparse_linear", Task: models.Regression, Categories: []int{2, 3, 3}, Bags: []models.Bag{{First: 1, Size: 2}},
	}, 1)
	require.NoError(t, err)
	out := make([]float32, 1)
	require.NoError(t, m.Predict(out, &models.Batch{Rows: 1, Categories: []int32{0, -1, 2}}))
	require.ErrorContains(t, m.Predict(out, &models.Batch{Rows: 1, Categories: []int32{-1, 0, 0}}), "Categories[0] is -1")
	require.ErrorContains(t, m.Predict(out, &models.Batch{Rows: 1, Categories: []int32{0, 3, 0}}), "Categories[1] is 3")
}

// A place of a bag that is left out must not show what an earlier batch had there.
func TestABagThatEmptiesLeavesNothingBehind(t *testing.T) {
	s := models.Spec{
		Kind: "deepfm", Task: models.Binary, Categories: []int{9, 9, 9}, Embedding: 4, Hidden: []int{5},
		Bags: []models.Bag{{Size: 3, Mean: true}},
	}
	m, err := models.New(s, 2)
	require.NoError(t, err)
	m.Init(rand.New(rand.NewPCG(1, 2)))
	predict := func(categories ...int32) []float32 {
		out := make([]float32, len(categories)/3)
		require.NoError(t, m.Predict(out, &models.Batch{Rows: len(out), Categories: categories}))
		return out
	}
	want := predict(3, -1, -1)
	predict(1, 2, 3, 4, 5, 6)
	require.Equal(t, want, predict(3, -1, -1))
	out, b := make([]float32, 1), &models.Batch{Rows: 1, Categories: []int32{3, -1, 4}, Targets: []float32{1}, Weights: []float32{1}}
	require.Zero(t, testing.AllocsPerRun(20, func() {
		if m.Predict(out, b) != nil {
			t.Error("a prediction is refused")
		}
		if _, err := m.Gradients(b); err != nil {
			t.Error(err)
		}
	}), "a prediction, or a step, allocates")
}

// A field of one value beside a bag of twenty, over a table of a million rows.
func BenchmarkBag(b *testing.B) {
	s := models.Spec{
		Kind: "deepfm", Task: models.Binary, Table: 1 << 20, Embedding: 16, Hidden: []int{32},
		Categories: []int{1 << 20}, Bags: []models.Bag{{First: 1, Size: 20, Mean: true}},
	}
	for range 20 {
		s.Categories = append(s.Categories, 1<<20)
	}
	m := newModel(b, s, 32, 1)
	batch := randomBatch(s, 32, rand.New(rand.NewPCG(2, 3)))
	for i := range batch.Categories {
		if place := i % 21; place > 5 {
			batch.Categories[i] = -1 // five of the twenty
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Gradients(batch); err != nil {
			b.Fatal(err)
		}
	}
}
