package models

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute"
)

// Many inputs are told to be finite by their norm, which may overflow where they are.
func TestInputsAreTakenThatAreFinite(t *testing.T) {
	c := &core{kernels: compute.Best()}
	inf := float32(math.Inf(1))
	for _, n := range []int{1, 5, near - 1, near, 3*near + 7} {
		for _, tc := range []struct {
			value  float32
			finite bool
		}{{-3, true}, {1e30, true}, {math.MaxFloat32, true}, {inf, false}, {-inf, false}, {float32(math.NaN()), false}} {
			for _, at := range []int{0, n / 2, n - 1} {
				src, dst := make([]float32, n), make([]float32, n+1)
				src[at] = tc.value
				norm, err := c.take(dst, src)
				if !tc.finite {
					require.ErrorIs(t, err, ErrNonFinite, "%v of %d", tc.value, n)
					continue
				}
				require.NoError(t, err, "%v of %d", tc.value, n)
				require.Equal(t, src, dst[:n])
				if norm >= 0 {
					require.InEpsilon(t, math.Abs(float64(tc.value)), norm, 1e-6)
				}
				require.Equal(t, n >= near && tc.value == -3, norm >= 0, "the norm of %d values is known", n)
			}
		}
	}
}
