package checkpoint_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/internal/durable"
)

// A channel may name weights whose whole state falls due later: the state must take
// their place, and the channel must name it.
func TestCompleteTakesThePlaceOfWeightsAlone(t *testing.T) {
	ctx := context.Background()
	s := memStore(t, durable.NewMem(), checkpoint.Config{})
	_, err := s.Write(ctx, manifest(100), checkpoint.Weights(weights(100)))
	require.NoError(t, err)
	require.NoError(t, s.SetChannel("stable", 100))
	_, err = s.Write(ctx, manifest(100), state(100))
	require.ErrorIs(t, err, checkpoint.ErrConflict, "Write replaces nothing")

	whole, err := s.Complete(ctx, manifest(100), state(100))
	require.NoError(t, err)
	require.False(t, whole.WeightsOnly())
	at, err := s.Channel("stable")
	require.NoError(t, err)
	saved, err := s.Get(at)
	require.NoError(t, err)
	requireWhole(t, saved, 100)
	saved.Close()
	_, err = s.Retain(ctx)
	require.NoError(t, err)
	report, err := s.Fsck(ctx, nil)
	require.NoError(t, err)
	require.True(t, report.OK())
	require.Empty(t, report.Orphans)
}

func TestCompleteReplacesNoOtherWeightsAndNoOtherState(t *testing.T) {
	ctx := context.Background()
	for name, stored := range map[string][]checkpoint.Blob{
		"other weights alone": checkpoint.Weights(weights(7)),
		"another whole state": append(checkpoint.Weights(weights(100)), blob("replay", []byte("other")), blob("guard", nil)),
	} {
		t.Run(name, func(t *testing.T) {
			s := memStore(t, durable.NewMem(), checkpoint.Config{})
			_, err := s.Write(ctx, manifest(100), stored)
			require.NoError(t, err)
			_, err = s.Complete(ctx, manifest(100), state(100))
			require.ErrorIs(t, err, checkpoint.ErrConflict)
		})
	}
}

// A learner whose stable lags writes weights beside each whole state; were they counted
// together, Keep would leave it half the states to fall back to.
func TestRetainCountsWeightsAloneApart(t *testing.T) {
	ctx := context.Background()
	s := memStore(t, durable.NewMem(), checkpoint.Config{Keep: 2})
	for v := checkpoint.Version(10); v <= 50; v += 10 {
		write(t, s, v)
		_, err := s.Write(ctx, manifest(v+5), checkpoint.Weights(weights(v+5)))
		require.NoError(t, err)
	}
	_, err := s.Retain(ctx)
	require.NoError(t, err)
	list, err := s.Versions()
	require.NoError(t, err)
	var got []checkpoint.Version
	for _, m := range list {
		got = append(got, m.Version)
	}
	require.Equal(t, []checkpoint.Version{55, 50, 45, 40}, got)
}
