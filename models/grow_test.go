package models_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

func growing(kind string) models.Spec {
	s := models.Spec{Kind: kind, Task: models.Multiclass, Classes: 3, Dense: 5}
	if kind == "mlp" {
		s.Hidden, s.Splines = []int{7}, 9
	}
	return s
}

func TestAGrownModelKeepsTheBitsOfItsOldLogits(t *testing.T) {
	for _, kind := range []string{"linear", "mlp"} {
		t.Run(kind, func(t *testing.T) {
			spec := growing(kind)
			narrow, err := models.New(spec, 4)
			require.NoError(t, err)
			narrow.Init(rand.New(rand.NewPCG(1, 2)))
			wide, params, err := models.Grow(spec, narrow.Params(), 21)
			require.NoError(t, err)
			require.Equal(t, 21, wide.Classes)
			grown, err := models.NewPredictor(wide, 4)
			require.NoError(t, err)
			require.NoError(t, grown.Load(params))

			b := &models.Batch{Rows: 4, Dense: make([]float32, 20)}
			r := rand.New(rand.NewPCG(3, 4))
			for i := range b.Dense {
				b.Dense[i] = float32(r.NormFloat64())
			}
			before, after := make([]float32, 4*3), make([]float32, 4*21)
			require.NoError(t, narrow.Logits(before, b))
			require.NoError(t, grown.Logits(after, b))
			for row := range 4 {
				require.Equal(t, before[row*3:(row+1)*3], after[row*21:row*21+3])
				for _, z := range after[row*21+3 : (row+1)*21] {
					require.Zero(t, z)
				}
			}
			classes, err := models.Grown(spec, params)
			require.NoError(t, err)
			require.Equal(t, 21, classes)
			classes, err = models.Grown(spec, narrow.Params())
			require.NoError(t, err)
			require.Equal(t, 3, classes)
		})
	}
}

func TestFrozenWeightsGrowAsTheirParametersDo(t *testing.T) {
	spec := growing("mlp")
	m, err := models.New(spec, 1)
	require.NoError(t, err)
	m.Init(rand.New(rand.NewPCG(1, 2)))
	_, params, err := models.Grow(spec, m.Params(), 5)
	require.NoError(t, err)
	frozen := m.Params().Freeze()
	grown, err := models.GrowFrozen(spec, frozen, 5)
	require.NoError(t, err)
	require.True(t, params.Equal(grown.Params()))

	same, err := models.GrowFrozen(spec, frozen, spec.Classes)
	require.NoError(t, err)
	require.Same(t, frozen, same, "there is nothing to grow")
	_, err = models.GrowFrozen(spec, frozen, 2)
	require.ErrorIs(t, err, models.ErrSpec)
}

func TestWhatCannotGrowIsRefused(t *testing.T) {
	spec := growing("mlp")
	m, err := models.New(spec, 1)
	require.NoError(t, err)
	_, _, err = models.Grow(spec, m.Params(), 3)
	require.ErrorIs(t, err, models.ErrSpec)
	_, _, err = models.Grow(models.Spec{Kind: "linear", Task: models.Binary, Dense: 2}, nil, 3)
	require.ErrorIs(t, err, models.ErrSpec)

	normed := spec
	normed.ClassNorm = 1
	_, _, err = models.Grow(normed, nil, 4)
	require.ErrorContains(t, err, "classes cannot grow with class_norm: weights of zero have no direction")
	wide := normed
	wide.Classes = 4
	require.ErrorIs(t, models.Grows(normed, wide), models.ErrSpec)
	require.NoError(t, models.Grows(normed, normed))

	other := spec
	other.Hidden = []int{8}
	_, _, err = models.Grow(other, m.Params(), 4)
	require.ErrorIs(t, err, models.ErrSpec)
	_, err = models.Grown(other, m.Params())
	require.ErrorIs(t, err, models.ErrParams)
	require.ErrorIs(t, models.Widen(m.Params()[:1], m.Params()), models.ErrParams)
}
