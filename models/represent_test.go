package models_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

func TestFeaturesAreWhatTheLastLayerReads(t *testing.T) {
	for _, s := range []models.Spec{
		{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 4, Categories: []int{2}, Hidden: []int{8, 5}, Activation: "relu"},
		{Kind: "mlp", Task: models.Binary, Dense: 4, Hidden: []int{7}, Activation: "tanh"},
		{Kind: "linear", Task: models.Regression, Dense: 3, Categories: []int{3}},
	} {
		t.Run(s.Kind+" "+string(s.Task), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			m := newModel(t, s, 6, 1)
			b := randomBatch(s, 5, r)
			features, logits, err := m.Represent(b)
			require.NoError(t, err)
			require.Len(t, logits, 5*s.Outputs())
			p := m.Params()
			weight, bias := p[len(p)-2], p[len(p)-1]
			width, k := weight.Shape[0], s.Outputs()
			require.Len(t, features, 5*width)
			for i := range 5 {
				for j := range k {
					z := float64(bias.Data[j])
					for h := range width {
						z += float64(features[i*width+h]) * float64(weight.Data[h*k+j])
					}
					require.InDelta(t, z, logits[i*k+j], 1e-5, "row %d, output %d", i, j)
				}
			}
		})
	}
}

func TestATrainingStepTellsTheLogitsItBeganWith(t *testing.T) {
	s := small()
	r := rand.New(rand.NewPCG(3, 4))
	m := newModel(t, s, 8, 1)
	require.Nil(t, m.Trained(), "no batch yet")
	for _, rows := range []int{8, 3} {
		b := randomBatch(s, rows, r)
		_, logits, err := m.Represent(b)
		require.NoError(t, err)
		logits = slices.Clone(logits)
		_, err = m.Gradients(b)
		require.NoError(t, err)
		require.Equal(t, logits, m.Trained())
	}
	_, err := m.Gradients(&models.Batch{})
	require.ErrorIs(t, err, models.ErrBatch)
	require.Nil(t, m.Trained(), "a batch that was refused has none")
}

func TestRepresentationsAllocateNothing(t *testing.T) {
	s := small()
	r := rand.New(rand.NewPCG(5, 6))
	m := newModel(t, s, 8, 1)
	b := randomBatch(s, 8, r)
	require.Zero(t, testing.AllocsPerRun(20, func() {
		if _, _, err := m.Represent(b); err != nil {
			t.Error(err)
		}
	}))
}

func TestRespondGivesThePredictionsOfTheLogits(t *testing.T) {
	for _, s := range []models.Spec{
		{Kind: "linear", Task: models.Multiclass, Classes: 4, Dense: 3},
		{Kind: "linear", Task: models.Binary, Dense: 3},
		{Kind: "linear", Task: models.Regression, Dense: 3},
	} {
		m := newModel(t, s, 5, 2)
		b := randomBatch(s, 5, rand.New(rand.NewPCG(7, 8)))
		want := make([]float32, 5*s.Outputs())
		require.NoError(t, m.Predict(want, b))
		_, logits, err := m.Represent(b)
		require.NoError(t, err)
		m.Respond(logits, logits)
		require.Equal(t, want, logits, "task %s", s.Task)
	}
}
