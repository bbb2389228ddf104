package compute_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute"
)

func TestSharedSettingsHaveOneTeam(t *testing.T) {
	s := compute.Settings{Threads: 3}
	require.NotSame(t, s.Team(), s.Team())
	require.Equal(t, 3, s.Team().Size())
	shared := s.Shared()
	require.Same(t, shared.Team(), shared.WithDefaults().Team())
	require.NotSame(t, shared.Team(), s.Shared().Team())
	require.Equal(t, 1, compute.Settings{}.Shared().Team().Size())
}

func TestSettingsNameFieldAndRule(t *testing.T) {
	for _, tc := range []struct {
		settings compute.Settings
		says     string
	}{
		{compute.Settings{}, ""},
		{compute.Settings{Kernels: "portable", Threads: 4}, ""},
		{compute.Settings{Kernels: "approx"}, "compute.kernels: must be auto, avx512, avx2 or portable: approx rounds otherwise"},
		{compute.Settings{Kernels: "abacus"}, `compute.kernels: must be auto, avx512, avx2 or portable, got "abacus"`},
		{compute.Settings{Threads: -1}, "compute.threads: must be from 1 to 64, got -1"},
		{compute.Settings{Threads: 65}, "compute.threads: must be from 1 to 64, got 65"},
	} {
		_, err := tc.settings.Arithmetic()
		if tc.says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.says)
	}
}

func TestEveryFamilyListedCanBeUsed(t *testing.T) {
	families := compute.Families()
	require.Contains(t, families, "portable")
	require.NotContains(t, families, "approx")
	for _, name := range families {
		a, err := compute.Settings{Kernels: name}.Arithmetic()
		require.NoError(t, err)
		require.Equal(t, name, a.Name())
	}
	best, err := compute.Settings{}.Arithmetic()
	require.NoError(t, err)
	require.Equal(t, families[0], best.Name())
}
