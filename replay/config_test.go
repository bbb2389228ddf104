package replay_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/replay"
)

func TestDefaults(t *testing.T) {
	want := replay.Config{Kind: replay.Reservoir, Capacity: 10_000, Recent: 0.5, MaxGroups: 1024,
		By: replay.ByClass, Compare: 10, Store: replay.Float32, Retrieve: replay.Retrieve{Kind: replay.Random, Candidates: 50},
	}
	require.Equal(t, want, replay.Config{}.WithDefaults())
	require.Equal(t, want, want.WithDefaults())
	require.NoError(t, want.Validate())
}

func TestValidateNamesFieldAndRule(t *testing.T) {
	for _, tc := range []struct {
		cfg  replay.Config
		want string
	}{
		{replay.Config{Kind: "fifo"}, `replay.kind: must be one of reservoir, class_balanced, stratified, recency, ring, gdumb, herding, gss, loss_aware, got "fifo"`},
		{replay.Config{Capacity: -1}, "replay.capacity: must be in [1, 67108864] for kind reservoir, got -1"},
		{replay.Config{Capacity: replay.MaxCapacity + 1}, "replay.capacity: must be in [1, 67108864] for kind reservoir, got 67108865"},
		{replay.Config{Kind: replay.RecencyMixed, Capacity: 1}, "replay.capacity: must be in [2, 67108864] for kind recency, got 1"},
		{replay.Config{Kind: replay.RecencyMixed, Recent: 1}, "replay.recent: must be in (0, 1), got 1"},
		{replay.Config{Kind: replay.Stratified, MaxGroups: -2}, "replay.max_groups: must be in [1, 65536], got -2"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			_, err := replay.New(tc.cfg)
			require.EqualError(t, err, tc.want)
		})
	}
}
