package canonical_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/canonical"
)

type state struct {
	Name   string
	Floats []float32
	Counts map[string]uint64
}

func TestMarshalGivesEqualBytesForEqualMaps(t *testing.T) {
	a := state{Counts: map[string]uint64{}}
	b := state{Counts: map[string]uint64{}}
	keys := []string{"late", "unknown", "evicted", "withdrawn", "a", "zz"}
	for i, k := range keys {
		a.Counts[k] = uint64(i)
	}
	for i := len(keys) - 1; i >= 0; i-- {
		b.Counts[keys[i]] = uint64(i)
	}
	x, err := canonical.Marshal(a)
	require.NoError(t, err)
	y, err := canonical.Marshal(b)
	require.NoError(t, err)
	require.Equal(t, x, y)
}

func TestFloatsKeepTheirBits(t *testing.T) {
	odd := math.Float32frombits(0x7fc00abc) // a NaN with a payload
	in := state{Floats: []float32{1, 0.1, float32(math.Inf(-1)), odd, math.Float32frombits(1), float32(math.Copysign(0, -1))}}
	data, err := canonical.Marshal(in)
	require.NoError(t, err)
	var out state
	require.NoError(t, canonical.Unmarshal(data, &out))
	require.Len(t, out.Floats, len(in.Floats))
	for i := range in.Floats {
		require.Equal(t, math.Float32bits(in.Floats[i]), math.Float32bits(out.Floats[i]), "element %d", i)
	}
}

func TestUnmarshalRefusesWhatMarshalDoesNotWrite(t *testing.T) {
	for name, data := range map[string][]byte{
		"trailing byte":     {0xa0, 0x00},
		"unknown field":     {0xa1, 0x61, 'x', 0x01},
		"duplicate key":     {0xa2, 0x64, 'N', 'a', 'm', 'e', 0x60, 0x64, 'N', 'a', 'm', 'e', 0x60},
		"indefinite length": {0xbf, 0xff},
		"truncated":         {0xa1},
	} {
		t.Run(name, func(t *testing.T) {
			var out state
			require.Error(t, canonical.Unmarshal(data, &out))
		})
	}
}
