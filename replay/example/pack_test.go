package example_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/replay/example"
)

func TestWhatNoByteStandsForIsHeldAsItCame(t *testing.T) {
	for _, tc := range []struct {
		name   string
		value  float32
		packed bool
	}{
		{"zero", 0, true},
		{"one", 1, true},
		{"six decimals of 3/255", 0.011765, true},
		{"within the tolerance", 0.2 + 0.9e-6, true},
		{"beyond it", 0.2 + 2e-6, false},
		{"between two levels", 0.5 / 255, false},
		{"above one", 1.01, false},
		{"below zero", -0.1, false},
		{"negative zero", float32(math.Copysign(0, -1)), true},
		{"standardised", -0.4242, false},
		{"not a number", float32(math.NaN()), false},
		{"infinite", float32(math.Inf(1)), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ex := &example.Example{ID: "x", Dense: []float32{0, tc.value, 1}}
			held := example.NewPacker().Pack(ex)
			require.Equal(t, tc.packed, held.Packed != nil)
			require.Equal(t, 3, held.Width())
			got := example.NewUnpacker().Append(nil, held)
			require.Len(t, got, 3)
			if !tc.packed {
				require.Same(t, ex, held, "no copy, and no loss")
				return
			}
			require.InDelta(t, tc.value, got[1], example.Tolerance)
		})
	}
}
