package config

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/replay"
)

func TestADefaultStrategyGoesByTheTask(t *testing.T) {
	for task, want := range map[string]struct {
		kind  replay.Kind
		loss  engine.Loss
		ratio float64
	}{
		"multiclass, classes: 3": {replay.ClassBalanced, engine.Loss{Kind: engine.LossACEDERPP, Alpha: 0.5, Beta: 1}, 1},
		"binary":                 {replay.ClassBalanced, engine.Loss{Kind: engine.LossER}, 4},
		"regression":             {replay.RecencyMixed, engine.Loss{Kind: engine.LossER}, 4},
	} {
		c, err := Parse("t", fmt.Appendf(nil, "models:\n  - {name: m, task: %s, strategy: default, features: [{name: x, kind: numeric}]}\n", task))
		require.NoError(t, err)
		e, err := c.Models[0].Engine(1)
		require.NoError(t, err)
		require.Equal(t, want.kind, e.Arms[0].Replay.Kind, task)
		require.Equal(t, want.loss, e.Arms[0].Loss, task)
		require.InDelta(t, want.ratio, e.Arms[0].Rehearsal.Ratio, 0, task)
	}
}
