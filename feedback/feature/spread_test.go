package feature_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback/feature"
)

func TestASpreadNamesTheNumbersThatAreNotStandardised(t *testing.T) {
	d, err := feature.New(feature.Config{Features: []feature.Feature{
		{Name: "fit", Kind: feature.Numeric, Mean: 300, Scale: 100},
		{Name: "pixels", Kind: feature.Vector, Dim: 2},
		{Name: "far", Kind: feature.Numeric, Mean: 10, Scale: 2},
		{Name: "city", Kind: feature.Categorical, Buckets: 4},
		{Name: "wide", Kind: feature.Numeric},
		{Name: "narrow", Kind: feature.Numeric, Mean: 7},
		{Name: "still", Kind: feature.Numeric, Mean: 7},
	}})
	require.NoError(t, err)
	s := d.NewSpread()
	require.Empty(t, s.Misfits(), "of no rows nothing can be said")
	for _, json := range []string{
		`{"fit": 200, "pixels": [900, 900], "far": 30, "city": "a", "wide": -40, "narrow": 7.01, "still": 7}`,
		`{"fit": 400, "pixels": [900, 900], "far": 34, "city": "b", "wide": 40, "narrow": 6.99, "still": 7}`,
	} {
		row, err := d.Encode([]byte(json))
		require.NoError(t, err)
		s.Add(row)
	}
	require.Equal(t, 2, s.Rows())
	got := s.Misfits()
	require.Len(t, got, 3)
	for i, want := range []feature.Misfit{{"far", 32, 2}, {"wide", 0, 40}, {"narrow", 7, 0.01}} {
		require.Equal(t, want.Name, got[i].Name)
		require.InDelta(t, want.Mean, got[i].Mean, 1e-6, want.Name)
		require.InDelta(t, want.Deviation, got[i].Deviation, 1e-6, want.Name)
	}
}

func TestANumberThatNeverChangesIsJudgedByItsMeanAlone(t *testing.T) {
	d, err := feature.New(feature.Config{Features: []feature.Feature{
		{Name: "year", Kind: feature.Numeric}, {Name: "one", Kind: feature.Numeric},
	}})
	require.NoError(t, err)
	s := d.NewSpread()
	for range 3 {
		row, err := d.Encode([]byte(`{"year": 2026, "one": 1}`))
		require.NoError(t, err)
		s.Add(row)
	}
	require.Equal(t, []feature.Misfit{{Name: "year", Mean: 2026}}, s.Misfits())
}
