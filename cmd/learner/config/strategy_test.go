package config

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

func TestADefaultStrategyGoesByTheTask(t *testing.T) {
	standard := []optim.Config{{Clip: &optim.Clip{Norm: 1}}, {AdamW: &optim.AdamW{LearningRate: 0.001, Beta1: 0.9}}}
	for task, want := range map[string]arm.Config{
		"multiclass, classes: 3": {
			Replay: replay.Config{Kind: replay.ClassBalanced}, Rehearsal: arm.Rehearsal{Ratio: 1},
			Loss: arm.Loss{Kind: arm.LossACEDERPP, Alpha: 1, Beta: 1}, Optimizer: standard,
		},
		"binary": {
			Replay: replay.Config{Kind: replay.ClassBalanced}, Rehearsal: arm.Rehearsal{Ratio: 4},
			Loss:      arm.Loss{Kind: arm.LossER, Beta: 0.1},
			Optimizer: []optim.Config{{Clip: &optim.Clip{Norm: 10}}, {AdamW: &optim.AdamW{LearningRate: 0.004, Beta1: 0.1}}},
		},
		"regression": {
			Replay: replay.Config{Kind: replay.RecencyMixed}, Rehearsal: arm.Rehearsal{Ratio: 4},
			Loss: arm.Loss{Kind: arm.LossER}, Optimizer: standard,
		},
	} {
		e := engineOf(t, task)
		got := e.Arms[0]
		require.Equal(t, want.Replay.Kind, got.Replay.Kind, task)
		require.Equal(t, want.Loss, got.Loss, task)
		require.InDelta(t, want.Rehearsal.Ratio, got.Rehearsal.Ratio, 0, task)
		require.Len(t, got.Optimizer, 2, task)
		require.Equal(t, want.Optimizer[0], got.Optimizer[0], task)
		require.InDelta(t, want.Optimizer[1].AdamW.LearningRate, got.Optimizer[1].AdamW.LearningRate, 0, task)
		require.InDelta(t, want.Optimizer[1].AdamW.Beta1, got.Optimizer[1].AdamW.Beta1, 0, task)
		require.Equal(t, models.UniformFanIn, e.Spec.Init, task)
	}
}

func TestADefaultStrategyGivesABinaryMLPSplines(t *testing.T) {
	for keys, want := range map[string]int{
		"binary":                                       9,
		"binary, model: {kind: mlp}":                   9,
		"binary, model: {splines: 5}":                  5,
		"binary, model: {splines: -1}":                 0,
		"binary, model: {kind: linear}":                0,
		"regression":                                   0,
		"multiclass, classes: 3":                       0,
		"regression, model: {splines: 7}":              7,
		"multiclass, classes: 2, model: {splines: -1}": 0,
	} {
		require.Equal(t, want, engineOf(t, keys).Spec.Splines, keys)
	}
	for features, want := range map[string]int{
		"[{name: x, kind: vector, dim: 64}]":                                    9,
		"[{name: x, kind: vector, dim: 64}, {name: y, kind: numeric}]":          0,
		"[{name: x, kind: categorical, buckets: 9}]":                            0,
		"[{name: x, kind: categorical, buckets: 99}, {name: y, kind: numeric}]": 9,
	} {
		c, err := Parse("t", []byte("models:\n  - {name: m, strategy: default, task: binary, features: "+features+"}\n"))
		require.NoError(t, err)
		spec, err := c.Models[0].Spec()
		require.NoError(t, err)
		require.Equal(t, want, spec.Splines, features)
	}
}

func TestADefaultStrategyLeavesWhatIsWritten(t *testing.T) {
	e := engineOf(t, "binary, model: {init: he}, optimizer: [{sgd: {learning_rate: 0.1}}], loss: {kind: der}, rehearsal: {ratio: 1}, replay: {kind: reservoir}")
	require.Empty(t, e.Spec.Init, "he is what goes without saying")
	got := e.Arms[0]
	require.Equal(t, []optim.Config{{SGD: &optim.SGD{LearningRate: 0.1}}}, got.Optimizer)
	require.Equal(t, arm.Loss{Kind: arm.LossDER, Alpha: 0.5}, got.Loss)
	require.InDelta(t, 1, got.Rehearsal.Ratio, 0)
	require.Equal(t, replay.Reservoir, got.Replay.Kind)
	require.Equal(t, models.UniformFanIn, engineOf(t, "binary").Spec.Init)
	require.Empty(t, engineOf(t, "binary, model: {kind: linear}").Spec.Init, "chosen for kind mlp alone")
}

// engineOf returns what the default strategy makes of a model of that task, which other keys
// may follow.
func engineOf(t *testing.T, task string) engine.Config {
	t.Helper()
	c, err := Parse("t", fmt.Appendf(nil, "models:\n  - {name: m, strategy: default, features: [{name: x, kind: numeric}], task: %s}\n", task))
	require.NoError(t, err)
	e, err := c.Models[0].Engine(1)
	require.NoError(t, err)
	return e
}
