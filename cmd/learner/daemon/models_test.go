package daemon_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/daemon"
)

const twoModels = `
seed: 3
models:
  - name: left
    task: binary
    features: [{name: x, kind: numeric}]
    model: {kind: linear}
    batch: {size: 4, wait: 5ms}
    publish: {every: 1ms}
    checkpoint: {every: 50ms}
  - name: right
    task: multiclass
    classes: 3
    features: [{name: x, kind: numeric}, {name: y, kind: numeric}]
    replay: {kind: class_balanced, capacity: 50}
    batch: {size: 4, wait: 5ms}
    publish: {every: 1ms}
    checkpoint: {every: 50ms}
`

func TestTwoModelsInOneProcessShareNothing(t *testing.T) {
	folder := t.TempDir()
	d := start(t, twoModels, folder, daemon.Options{})
	// The same event ids go to both: they are other events in another log.
	d.teach("left", "e", 200, func(i int) (map[string]any, int) {
		return map[string]any{"x": float64(i%7) - 3}, i % 2
	})
	left := d.learned("left", 200)
	require.Zero(t, d.status("right").Learner.Counters["records"])
	d.teach("right", "e", 120, func(i int) (map[string]any, int) {
		return map[string]any{"x": float64(i % 3), "y": 1}, i % 3
	})
	right := d.learned("right", 120)
	require.Equal(t, uint64(200), d.status("left").Learner.Counters["learner_learned"])
	require.NotEqual(t, left.Learner.Log.Name, right.Learner.Log.Name)
	require.NotZero(t, left.Channels["stable"].Version)
	require.NotZero(t, right.Channels["stable"].Version)
	d.stop()

	for _, model := range []string{"left", "right"} {
		store, err := checkpoint.OpenReader(folder+"/models/"+model, checkpoint.Config{}.WithDefaults())
		require.NoError(t, err)
		saved, err := store.Latest(t.Context())
		require.NoError(t, err)
		require.Equal(t, model, saved.Manifest().Model)
		saved.Close()
		require.NoError(t, store.Close())
	}

	again := start(t, twoModels, folder, daemon.Options{})
	require.Equal(t, uint64(200), again.learned("left", 200).Learner.Counters["learner_learned"])
	again.teach("left", "f", 40, func(i int) (map[string]any, int) { return map[string]any{"x": 1.5}, 1 })
	again.learned("left", 240)
	require.Equal(t, uint64(120), again.status("right").Learner.Counters["learner_learned"])
}
