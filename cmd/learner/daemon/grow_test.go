package daemon_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
)

const growing = `
models:
  - name: shop
    task: multiclass
    classes: 2
    max_classes: 4
    features: [{name: x, kind: numeric}]
    model: {kind: linear}
    optimizer: [{adamw: {learning_rate: 0.1}}]
    batch: {size: 4, wait: 5ms}
    publish: {every: 1ms}
    checkpoint: {every: 50ms, keep: 4}
`

// probabilities asks stable for one prediction.
func (r *running) probabilities(x float64) []float64 {
	r.t.Helper()
	var answer struct {
		Outputs []struct {
			Name string
			Data []any
		}
	}
	status := r.call(http.MethodPost, "/v2/models/shop/infer", "application/json", map[string]any{
		"inputs":  []any{map[string]any{"name": "x", "datatype": "FP64", "shape": []int{1, 1}, "data": []float64{x}}},
		"outputs": []any{map[string]any{"name": "probabilities"}},
	}, &answer)
	require.Equal(r.t, http.StatusOK, status)
	var p []float64
	for _, v := range answer.Outputs[0].Data {
		f, _ := v.(float64)
		p = append(p, f)
	}
	return p
}

func TestFeedbackOfANewClassWidensALiveModel(t *testing.T) {
	yaml := fmt.Sprintf("log: {url: %q, replicas: 1}\n", broker(t)) + growing
	folder := t.TempDir()
	learner := start(t, yaml, folder, daemon.Options{})
	server := serving(t, yaml)
	learner.teach("shop", "old", 40, func(i int) (map[string]any, int) { return map[string]any{"x": i%5 - 2}, i % 2 })
	learner.settled("shop", 40)
	require.Len(t, learner.probabilities(1), 2)

	learner.teach("shop", "new", 40, func(i int) (map[string]any, int) { return map[string]any{"x": 5}, 2 })
	last := learner.settled("shop", 80)
	require.Len(t, learner.probabilities(5), 3, "in the process that learns")
	require.Eventually(t, func() bool {
		return server.status("shop").Channels["stable"].Version == last.Channels["stable"].Version
	}, patience, 5*time.Millisecond)
	require.Equal(t, learner.probabilities(5), server.probabilities(5), "and in one that loads what it publishes")
	require.Greater(t, server.probabilities(5)[2], 0.4)

	status := learner.call(http.MethodPost, "/v1/models/shop/feedback", "application/cloudevents+json",
		label("beyond", map[string]any{"x": 5}, 4), nil)
	require.Equal(t, http.StatusBadRequest, status, "max_classes is 4")

	want := learner.probabilities(5)
	learner.stop()
	again := start(t, yaml, folder, daemon.Options{})
	require.Equal(t, want, again.probabilities(5), "a version carries its own number of classes")
	again.stop()
	server.stop()
	recovered, whole := hashes(t, yaml, folder)
	require.Equal(t, whole, recovered)
}
