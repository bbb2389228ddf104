package daemon

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback/feature"
)

// Who declares what the log says must not be told to declare something else.
func TestWhatIsToBeDeclaredStandardises(t *testing.T) {
	for _, tc := range []struct {
		mean, deviation float64
		want            string
	}{
		{19.58, 11.42, "mean: 19.6, scale: 11.4"},
		{-2015.4, 3.1, "mean: -2015.4, scale: 3.1"},
		{123_456.7, 0.25, "mean: 123456.7, scale: 0.25"},
		{1_764_000_123, 86_400, "mean: 1.764e+09, scale: 8.64e+04"},
		{0.0004, 0.02, "mean: 0.0004, scale: 0.02"},
		{2026, 0, "mean: 2026"},
	} {
		got := declaration(feature.Misfit{Mean: tc.mean, Deviation: tc.deviation})
		require.Equal(t, tc.want, got)
		var mean, scale float64
		if n, _ := fmt.Sscanf(got, "mean: %g, scale: %g", &mean, &scale); n == 2 {
			require.Less(t, math.Abs(tc.mean-mean)/scale, 0.1, got)
		}
	}
}
