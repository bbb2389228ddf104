package engine_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

func TestRestoreRefusesLogitsThatTheModelCannotHaveGiven(t *testing.T) {
	for _, tc := range []struct {
		name   string
		logits []float32
		want   string
	}{
		{"more than the model's outputs", []float32{1, 2}, "example p1 has 2 logits, the model 1 outputs"},
		{"not finite", []float32{float32(math.NaN())}, "example p1 has a logit that is not finite"},
		{"one an output", []float32{-3}, ""},
		{"none kept", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := config()
			memory, err := replay.New(cfg.Arms[0].Replay)
			require.NoError(t, err)
			memory.Add(&replay.Example{
				ID: "p1", Dense: []float32{1, 2, 3}, Categories: []int32{0}, Weight: 1,
				Logits: tc.logits, LogitsAt: 3,
			}, rng.New(1, "keep", 0))
			var part bytes.Buffer
			_, err = memory.Snapshot().WriteTo(&part)
			require.NoError(t, err)
			stored := partsOf(t, newEngine(t, cfg))
			stored[engine.PartReplay] = part.Bytes()
			err = newEngine(t, cfg).Restore(readFrom(stored))
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}
