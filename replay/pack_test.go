package replay_test

import (
	"fmt"
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

func TestWholeCountsWhatNoByteStandsFor(t *testing.T) {
	m := newMemory(t, replay.Config{Store: replay.Uint8})
	for i, v := range []float32{0.2, 0.5 / 255, 1, -0.1} {
		m.Add(&replay.Example{ID: fmt.Sprint(i), Dense: []float32{0, v, 1}}, rng.New(1, "add", uint64(i)))
	}
	require.Equal(t, 2, m.Whole())
	m.RemoveID("1")
	require.Equal(t, 1, m.Whole())
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
