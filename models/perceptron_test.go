package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

// Square weights that lie the other way round have the same shape: only their name keeps those of an
// earlier state from being taken for these.
func TestWeightsByUnitAreNotTakenForOthers(t *testing.T) {
	for _, kind := range []string{"deepfm", "wide_and_deep"} {
		spec := models.Spec{Kind: kind, Task: models.Binary, Categories: []int{9, 9}, Embedding: 8, Hidden: []int{16, 16, 4}}
		m := newModel(t, spec, 1, 1)
		other := m.Params().Clone()
		for i, want := range map[int]struct {
			name  string
			shape []int
		}{2: {"deep.0.weight", []int{16, 16}}, 4: {"deep.1.weight", []int{16, 16}}, 6: {"deep.2.weight", []int{4, 16}}} {
			require.Equal(t, want.name, other[i].Name)
			require.Equal(t, want.shape, other[i].Shape, "out×in")
		}
		require.NoError(t, m.Load(other))
		other[2].Name = "hidden.0.weight"
		require.ErrorIs(t, m.Load(other), models.ErrParams)
	}
}
