package models_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

// columns returns what a linear model with splines reads of dense inputs and a category of two.
func columns(t *testing.T, splines int, category int32, dense ...float32) []float32 {
	t.Helper()
	m := newModel(t, models.Spec{Kind: "linear", Task: models.Binary, Dense: len(dense), Categories: []int{2}, Splines: splines}, 1, 1)
	features, _, err := m.Represent(&models.Batch{Rows: 1, Dense: dense, Categories: []int32{category}})
	require.NoError(t, err)
	return features
}

func TestSplinesAreHatsOverEvenlySpacedKnots(t *testing.T) {
	for _, tc := range []struct {
		x    float32
		want []float32 // of knots at -2, -1, 0, 1 and 2
	}{
		{-2, []float32{1, 0, 0, 0, 0}},
		{-1, []float32{0, 1, 0, 0, 0}},
		{-0.25, []float32{0, 0.25, 0.75, 0, 0}},
		{0, []float32{0, 0, 1, 0, 0}},
		{1.5, []float32{0, 0, 0, 0.5, 0.5}},
		{2, []float32{0, 0, 0, 0, 1}},
		{-7, []float32{1, 0, 0, 0, 0}},
		{1e30, []float32{0, 0, 0, 0, 1}},
		{-math.MaxFloat32, []float32{1, 0, 0, 0, 0}},
	} {
		require.Equal(t, append([]float32{tc.x}, append(tc.want, 0, 1)...), columns(t, 5, 1, tc.x), "of %v", tc.x)
	}
}

func TestInputsComeBeforeTheSplinesOfEachAndTheseBeforeCategories(t *testing.T) {
	require.Equal(t, []float32{-2, 0.5, 1, 0, 0, 0, 0.75, 0.25, 1, 0}, columns(t, 3, 0, -2, 0.5))
}

func TestSplinesOfAnyNumberAddUpToOneAndKeepTheValue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for splines := 3; splines <= models.MaxSplines; splines++ {
		x := float32(4*r.Float64() - 2)
		sum, mean, set := 0.0, 0.0, 0
		for j, b := range columns(t, splines, 0, x)[1 : 1+splines] {
			require.GreaterOrEqual(t, b, float32(0))
			if b != 0 {
				set++
			}
			sum += float64(b)
			mean += float64(b) * (-models.SplineReach + 2*models.SplineReach*float64(j)/float64(splines-1))
		}
		require.InDelta(t, 1, sum, 1e-6)
		require.InDelta(t, x, mean, 1e-4, "hats over their knots are interpolation")
		require.LessOrEqual(t, set, 2)
	}
}

func TestARowWithSplinesLeavesNothingBehind(t *testing.T) {
	for _, s := range []models.Spec{
		{Kind: "mlp", Task: models.Binary, Dense: 2, Hidden: []int{6}, Splines: 9},
		{Kind: "mlp", Task: models.Binary, Dense: 2, Categories: []int{3}, Hidden: []int{6}, Splines: 9},
		{Kind: "wide_and_deep", Task: models.Binary, Dense: 2, Categories: []int{3}, Embedding: 2, Hidden: []int{6}, Splines: 9},
	} {
		m, fresh := newModel(t, s, 4, 1), newModel(t, s, 4, 1)
		r := rand.New(rand.NewPCG(3, 4))
		require.NoError(t, m.Predict(make([]float32, 4), randomBatch(s, 4, r)))
		b := randomBatch(s, 2, r)
		want, got := make([]float32, 2), make([]float32, 2)
		require.NoError(t, fresh.Predict(want, b))
		require.NoError(t, m.Predict(got, b))
		require.Equal(t, want, got, s.Kind)
	}
}

// A linear model cannot tell the middle from both ends; with splines it is a sum of piecewise
// linear functions, one of each input.
func ExampleSpec_splines() {
	spec := models.Spec{Kind: "linear", Task: models.Regression, Dense: 1, Splines: 9}
	model, err := models.New(spec, 9)
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := &models.Batch{Rows: 9}
	for j := range 9 {
		x := -2 + float32(j)/2
		batch.Dense = append(batch.Dense, x)
		batch.Targets = append(batch.Targets, max(x, -x))
		batch.Weights = append(batch.Weights, 1)
	}
	for range 2000 {
		if _, err := model.Gradients(batch); err != nil {
			fmt.Println(err)
			return
		}
		for i, p := range model.Params() {
			for j, g := range model.Grads()[i].Data {
				p.Data[j] -= 0.2 * g
			}
		}
	}
	answer := make([]float32, 3)
	if err := model.Predict(answer, &models.Batch{Rows: 3, Dense: []float32{-1.5, 0, 1.25}}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", answer)
	// Output: [1.50 0.00 1.25]
}
