package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/config"
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

// running is a daemon at work.
type running struct {
	t    *testing.T
	base string
	stop func()
}

// start runs a daemon over a folder until stop, which checks that it ended cleanly.
func start(t *testing.T, yaml, folder string) *running {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(yaml))
	require.NoError(t, err)
	cfg.Data, cfg.Log.Dir = folder, folder+"/log"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	d, err := daemon.Open(ctx, cfg, daemon.Options{Logger: slog.New(slog.DiscardHandler), Listener: ln})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	r := &running{t: t, base: "http://" + ln.Addr().String()}
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(5 * time.Second):
			require.Fail(t, "a clean stop took more than 5 s")
		}
		require.NoError(t, d.Close())
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) call(method, path, contentType string, body, answer any) int {
	r.t.Helper()
	data, err := json.Marshal(body)
	require.NoError(r.t, err)
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, bytes.NewReader(data))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", contentType)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	got, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, resp.Body.Close())
	if answer != nil {
		require.NoError(r.t, json.Unmarshal(got, answer), "%s", got)
	}
	return resp.StatusCode
}

// teach sends n self-contained labels to a model.
func (r *running) teach(model, prefix string, n int, features func(i int) (map[string]any, int)) {
	r.t.Helper()
	var events []any
	for i := range n {
		x, y := features(i)
		events = append(events, map[string]any{
			"specversion": "1.0", "type": "perennial.feedback.v1", "source": "test", "id": fmt.Sprint(prefix, i),
			"data": map[string]any{"features": x, "signal": map[string]any{"kind": "label", "value": y}},
		})
	}
	var answer struct{ Accepted int }
	status := r.call(http.MethodPost, "/v1/models/"+model+"/feedback", "application/cloudevents-batch+json", events, &answer)
	require.Equal(r.t, http.StatusAccepted, status)
	require.Equal(r.t, n, answer.Accepted)
}

type modelStatus struct {
	Channels map[string]struct{ Version uint64 }
	Learner  struct {
		Position uint64
		Log      struct {
			Name string
			Last uint64
		}
		Counters map[string]uint64
	}
}

func (r *running) status(model string) modelStatus {
	r.t.Helper()
	var s modelStatus
	require.Equal(r.t, http.StatusOK, r.call(http.MethodGet, "/v1/models/"+model, "", nil, &s))
	return s
}

func (r *running) learned(model string, n uint64) modelStatus {
	r.t.Helper()
	var s modelStatus
	require.Eventually(r.t, func() bool {
		s = r.status(model)
		return s.Learner.Counters["learner_learned"] == n
	}, 10*time.Second, 5*time.Millisecond, "model %s", model)
	return s
}

func TestTwoModelsInOneProcessShareNothing(t *testing.T) {
	folder := t.TempDir()
	d := start(t, twoModels, folder)
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

	again := start(t, twoModels, folder)
	require.Equal(t, uint64(200), again.learned("left", 200).Learner.Counters["learner_learned"])
	again.teach("left", "f", 40, func(i int) (map[string]any, int) { return map[string]any{"x": 1.5}, 1 })
	again.learned("left", 240)
	require.Equal(t, uint64(120), again.status("right").Learner.Counters["learner_learned"])
}
