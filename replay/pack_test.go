package replay_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

func TestPixelsComeBackBitForBit(t *testing.T) {
	ex := &replay.Example{ID: "image", Weight: 1}
	for k := range 256 {
		ex.Dense = append(ex.Dense, float32(k)/255)
	}
	m := newMemory(t, replay.Config{Store: replay.Uint8})
	m.Add(ex, rng.New(1, "add", 0))
	held := all(m)[0]
	require.Empty(t, held.Dense)
	require.Len(t, held.Packed, 256)
	require.Equal(t, 256, held.Width())
	got := replay.NewUnpacker().Append([]float32{-1}, held)
	require.Equal(t, append([]float32{-1}, ex.Dense...), got)
	require.Len(t, ex.Dense, 256, "what others share is left alone")

	state, err := replay.Read(encode(t, m.Snapshot()))
	require.NoError(t, err)
	back := newMemory(t, replay.Config{Store: replay.Uint8})
	require.NoError(t, back.Restore(state))
	require.Equal(t, held, all(back)[0])
}

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
			ex := &replay.Example{ID: "x", Dense: []float32{0, tc.value, 1}}
			m := newMemory(t, replay.Config{Store: replay.Uint8})
			m.Add(ex, rng.New(1, "add", 0))
			held := all(m)[0]
			require.Equal(t, tc.packed, held.Packed != nil)
			require.Equal(t, tc.packed, m.Whole() == 0)
			got := replay.NewUnpacker().Append(nil, held)
			require.Len(t, got, 3)
			if !tc.packed {
				require.Same(t, ex, held, "no copy, and no loss")
				return
			}
			require.InDelta(t, tc.value, got[1], replay.PackTolerance)
		})
	}
}

func TestBytesTakeAQuarterOfTheMemory(t *testing.T) {
	size := map[replay.Storage]int{}
	for _, store := range []replay.Storage{replay.Float32, replay.Uint8} {
		m := newMemory(t, replay.Config{Store: store, Capacity: 100})
		for i := range 100 {
			m.Add(sized(i, 784, 0), rng.New(1, "add", uint64(i)))
		}
		size[store] = m.Bytes()
	}
	require.Less(t, 3*size[replay.Uint8], size[replay.Float32])
}
