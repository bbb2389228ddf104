package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/daemon"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/internal/leak"
	"github.com/perennial-ml/perennial/internal/natstest"
	"github.com/perennial-ml/perennial/ledger"
)

func TestMain(m *testing.M) { leak.Check(m) }

// oneModel learns at once, publishes at once, and writes a version every 50 ms.
const oneModel = `
seed: 7
models:
  - name: shop
    task: binary
    features: [{name: x, kind: numeric}]
    model: {kind: linear}
    batch: {size: 4, wait: 5ms}
    publish: {every: 1ms}
    checkpoint: {every: 50ms, keep: 4}
`

// roomy is oneModel with room for the versions that a slow machine writes in between.
var roomy = strings.Replace(oneModel, "keep: 4", "keep: 10", 1)

// patience is how long a test waits for what must come, on a machine that has other work.
const patience = time.Minute

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// parse reads a configuration whose data lie in folder; a log by URL is left as it is.
func parse(t *testing.T, yaml, folder string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(yaml))
	require.NoError(t, err)
	cfg.Data = folder
	cfg.HTTP.Address = "127.0.0.1:0" // the default may be in use
	cfg.HTTP.Limits.Timeout = patience
	if defaults := (ledger.Config{}).WithDefaults(); cfg.Log.AppendTimeout == defaults.AppendTimeout {
		cfg.Log.AppendTimeout = patience
	}
	if cfg.Log.URL == "" {
		cfg.Log.Dir = folder + "/log"
	}
	return cfg
}

// running is a daemon at work.
type running struct {
	t    *testing.T
	base string
	// stop ends it, and checks that it ended cleanly and before its grace was over.
	stop func()
	// fails waits until it ends with an error of its own, which it returns.
	fails func() error
}

// start runs a daemon over a folder until stop.
func start(t *testing.T, yaml, folder string, opt daemon.Options) *running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	opt.Listener, opt.Grace = ln, patience
	if opt.Logger == nil {
		opt.Logger = discard()
	}
	d, err := daemon.Open(t.Context(), parse(t, yaml, folder), opt)
	require.NoError(t, err)
	return attend(t, ln, func(ctx context.Context) error { return d.Run(ctx) }, d.Close)
}

// attend runs a server until stop, and then closes it.
func attend(t *testing.T, ln net.Listener, run func(context.Context) error, closes func() error) *running {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	r := &running{t: t, base: "http://" + ln.Addr().String()}
	stopped := false
	r.fails = func() error {
		t.Helper()
		stopped = true
		defer cancel()
		select {
		case err := <-ended:
			require.NoError(t, closes())
			return err
		case <-time.After(patience):
			require.Fail(t, "it goes on")
			return nil
		}
	}
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		began := time.Now()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(2 * patience):
			require.Fail(t, "it does not stop")
		}
		require.NoError(t, closes())
		require.Less(t, time.Since(began), patience, "a clean stop waited for its grace to be over")
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

// label is a self-contained label as a CloudEvent.
func label(id string, features map[string]any, value int) map[string]any {
	return map[string]any{
		"specversion": "1.0", "type": "perennial.feedback.v1", "source": "test", "id": id,
		"data": map[string]any{"features": features, "signal": map[string]any{"kind": "label", "value": value}},
	}
}

// teach sends n self-contained labels to a model, and returns the last one's position.
func (r *running) teach(model, prefix string, n int, features func(i int) (map[string]any, int)) uint64 {
	r.t.Helper()
	var events []any
	for i := range n {
		x, y := features(i)
		events = append(events, label(fmt.Sprint(prefix, i), x, y))
	}
	var answer struct {
		Accepted int
		Results  []struct{ Position uint64 }
	}
	status := r.call(http.MethodPost, "/v1/models/"+model+"/feedback", "application/cloudevents-batch+json", events, &answer)
	require.Equal(r.t, http.StatusAccepted, status)
	require.Equal(r.t, n, answer.Accepted)
	return answer.Results[n-1].Position
}

// lesson is what shop is taught: x above zero is 1.
func lesson(i int) (map[string]any, int) {
	x := i%9 - 4
	y := 0
	if x > 0 {
		y = 1
	}
	return map[string]any{"x": x}, y
}

type modelStatus struct {
	Channels map[string]struct{ Version uint64 }
	Learner  *struct {
		Position    uint64
		Durable     uint64
		Pinned      bool
		FreshnessMS float64 `json:"freshness_ms"`
		Log         struct {
			Name string
			Last uint64
		}
		Counters map[string]uint64
	}
}

func (r *running) status(model string) modelStatus {
	r.t.Helper()
	s, code := r.ask(model)
	require.Equal(r.t, http.StatusOK, code)
	return s
}

func (r *running) ask(model string) (s modelStatus, code int) {
	r.t.Helper()
	code = r.call(http.MethodGet, "/v1/models/"+model, "", nil, &s)
	return s, code
}

// await waits until a model's status is as it should be.
func (r *running) await(model, what string, ok func(modelStatus) bool) modelStatus {
	r.t.Helper()
	var s modelStatus
	require.Eventually(r.t, func() bool {
		var code int
		s, code = r.ask(model)
		return code == http.StatusOK && ok(s)
	}, patience, 3*time.Millisecond, "model %s: %s", model, what)
	return s
}

func (r *running) learned(model string, n uint64) modelStatus {
	r.t.Helper()
	r.await(model, fmt.Sprintf("learned %d", n), func(s modelStatus) bool { return s.Learner.Counters["learner_learned"] == n })
	return r.status(model) // an answer looks at the channels before it looks at the learner
}

// settled is learned, with all of it in stable.
func (r *running) settled(model string, n uint64) modelStatus {
	r.t.Helper()
	r.await(model, fmt.Sprintf("learned and released %d", n), func(s modelStatus) bool {
		return s.Learner.Counters["learner_learned"] == n && s.Learner.FreshnessMS == 0
	})
	return r.status(model)
}

// durable waits for a durable version at or after a position.
func (r *running) durable(model string, position uint64) modelStatus {
	r.t.Helper()
	return r.await(model, fmt.Sprintf("durable at %d", position), func(s modelStatus) bool { return s.Learner.Durable >= position })
}

// control sends a decision and returns its position, once it was applied.
func (r *running) control(model string, c map[string]any) uint64 {
	r.t.Helper()
	var answer struct{ Position uint64 }
	require.Equal(r.t, http.StatusAccepted, r.call(http.MethodPost, "/v1/models/"+model+"/control", "application/json", c, &answer))
	r.await(model, "control applied", func(s modelStatus) bool { return s.Learner.Position >= answer.Position })
	return answer.Position
}

// A bench is a model's machine without a daemon.
type bench struct {
	*machine.Machine
	close func()
}

// dismantle opens the machine of a folder that no daemon holds.
func dismantle(t *testing.T, yaml, folder string) bench {
	t.Helper()
	cfg := parse(t, yaml, folder)
	broker, err := ledger.Connect(t.Context(), cfg.Log, discard())
	require.NoError(t, err)
	m := cfg.Models[0]
	log, err := broker.Open(t.Context(), m.Name)
	require.NoError(t, err)
	store, err := machine.OpenStore(cfg, m, nil, discard())
	require.NoError(t, err)
	mach, err := machine.New(cfg, m, log, store, discard())
	require.NoError(t, err)
	closed := false
	b := bench{Machine: mach, close: func() {
		if !closed {
			closed = true
			require.NoError(t, store.Close())
			require.NoError(t, broker.Close())
		}
	}}
	t.Cleanup(b.close)
	return b
}

// hashes returns the state's hash at the end of the log as recovered from the newest
// version, and as scanned from the log's start.
func hashes(t *testing.T, yaml, folder string) (recovered, whole string) {
	t.Helper()
	for i, hash := range []*string{&recovered, &whole} {
		b := dismantle(t, yaml, folder)
		state, err := b.Log.State(t.Context())
		require.NoError(t, err)
		if i == 0 {
			_, err := b.Restore(t.Context(), machine.How{})
			require.NoError(t, err)
		}
		require.NoError(t, b.ScanTo(t.Context(), state.Last, nil, nil))
		*hash, err = b.Engine.Hash()
		require.NoError(t, err)
		b.close()
	}
	return recovered, whole
}

// crash copies the folder of a daemon that runs: what kill -9 would leave of it. A version may be
// written meanwhile, even with nothing to do, for a tick that ended a wait. So the lists of
// versions are copied first, then what they name, and the log last, which is never behind them.
func crash(t *testing.T, folder string) string {
	t.Helper()
	to := t.TempDir()
	for stage := range 3 {
		require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a temporary file
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(folder, path)
			if err != nil || stage != stageOf(rel) {
				return err
			}
			if !d.Type().IsRegular() {
				return nil
			}
			data, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, rel), data, 0o644)
		}))
	}
	return to
}

// stageOf tells lists of versions, blobs and the log apart.
func stageOf(rel string) int {
	switch parts := strings.Split(rel, string(filepath.Separator)); {
	case parts[0] == "log":
		return 2
	case slices.Contains(parts, "blobs"):
		return 1
	}
	return 0
}

// forget takes the versions after a position out of a store, as if the process had ended
// before it wrote them.
func forget(t *testing.T, yaml, folder string, after uint64) {
	t.Helper()
	b := dismantle(t, yaml, folder)
	defer b.close()
	list, err := b.Store.Versions()
	require.NoError(t, err)
	var gone []checkpoint.Version
	var kept checkpoint.Version
	for _, m := range list {
		if uint64(m.Version) > after {
			gone = append(gone, m.Version)
		} else if machine.Resumable(&m) {
			kept = max(kept, m.Version)
		}
	}
	require.NotZero(t, kept, "no version up to %d", after)
	require.NoError(t, b.Store.SetChannels(map[string]checkpoint.Version{"stable": kept, "candidate": kept}))
	if len(gone) > 0 {
		require.NoError(t, b.Store.Remove(t.Context(), gone...))
	}
}

// broker runs a NATS server, as an operator would, and returns its URL.
func broker(t *testing.T) string {
	t.Helper()
	return natstest.Server(t).ClientURL()
}

// outside is oneModel with its log in an external NATS.
func outside(url string) string { return fmt.Sprintf("log: {url: %q, replicas: 1}\n", url) + oneModel }

// publisher publishes past the learner, as any NATS client may.
func publisher(t *testing.T, url string) func(id string, header map[string]string, body string) {
	t.Helper()
	nc, err := nats.Connect(url, nats.Timeout(patience))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return func(id string, header map[string]string, body string) {
		t.Helper()
		m := nats.NewMsg("perennial.shop.feedback")
		for name, value := range map[string]string{
			"ce-specversion": "1.0", "ce-id": id, "ce-source": "raw", "ce-type": "perennial.feedback.v1", "Nats-Msg-Id": id,
		} {
			m.Header[name] = []string{value}
		}
		for name, value := range header {
			m.Header[name] = []string{value}
		}
		m.Data = []byte(body)
		_, err := nc.RequestMsg(m, patience)
		require.NoError(t, err)
	}
}

func jsonOf(t *testing.T, v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}
