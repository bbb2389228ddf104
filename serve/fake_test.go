package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/internal/leak"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/serve"
)

func TestMain(m *testing.M) { leak.Check(m) }

// patience is how long a test waits for what must come, on a machine that has other work.
const patience = time.Minute

// fakeLog keeps what it is given, and fails as told.
type fakeLog struct {
	mu      sync.Mutex
	events  []feedback.Event
	ids     map[string]uint64
	err     error         // of every call
	block   chan struct{} // calls wait until it is closed
	blocked chan struct{} // a call that is about to wait sends to it first, where there is one
	refuse  string        // id of an event that alone is refused
	appends int
}

func (l *fakeLog) Append(ctx context.Context, events []feedback.Event) ([]ledger.Receipt, error) {
	l.mu.Lock()
	block, blocked, err := l.block, l.blocked, l.err
	l.mu.Unlock()
	if block != nil {
		if blocked != nil {
			select {
			case blocked <- struct{}{}:
			case <-block:
			}
		}
		select {
		case <-block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appends++
	if l.ids == nil {
		l.ids = map[string]uint64{}
	}
	var receipts []ledger.Receipt
	for _, e := range events {
		if e.ID == l.refuse && l.refuse != "" {
			receipts = append(receipts, ledger.Receipt{Err: ledger.ErrUnstorable})
			err = ledger.ErrUnstorable
			continue
		}
		if at, ok := l.ids[e.ID]; ok {
			receipts = append(receipts, ledger.Receipt{Position: ledger.Position(at), Duplicate: true})
			continue
		}
		e.Data = slices.Clone(e.Data)
		l.events = append(l.events, e)
		l.ids[e.ID] = uint64(len(l.events))
		receipts = append(receipts, ledger.Receipt{Position: ledger.Position(len(l.events))})
	}
	return receipts, err
}

func (l *fakeLog) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// hold lets calls from now on wait for another block.
func (l *fakeLog) hold(block chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.block = block
}

func (l *fakeLog) all() []feedback.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

func (l *fakeLog) predictions(t testing.TB) []feedback.Prediction {
	t.Helper()
	var out []feedback.Prediction
	for _, e := range l.all() {
		if e.Type == feedback.TypePrediction {
			var p feedback.Prediction
			require.NoError(t, json.Unmarshal(e.Data, &p))
			out = append(out, p)
		}
	}
	return out
}

// source is a channel that a test moves.
type source struct {
	at atomic.Pointer[hotload.Loaded]
}

func (s *source) Current() *hotload.Loaded { return s.at.Load() }

// fakePredictor answers sigmoid(bias + sum of the dense features + of the categories);
// its one parameter is the bias.
type fakePredictor struct {
	spec models.Spec
	bias float32
	busy atomic.Bool
}

func newFakePredictor(spec models.Spec, _ int) (serve.Predictor, error) {
	return &fakePredictor{spec: spec}, nil
}

func (p *fakePredictor) Update(weights, _ *models.Frozen) error {
	p.bias = weights.Tensors()[0].Chunks[0].Values()[0]
	return nil
}

func (p *fakePredictor) Predict(dst []float32, b *models.Batch) error {
	if !p.busy.CompareAndSwap(false, true) {
		panic("a predictor is used by two requests at once")
	}
	defer p.busy.Store(false)
	k := p.spec.Outputs()
	for i := range b.Rows {
		sum := float64(p.bias)
		for _, v := range b.Dense[i*p.spec.Dense : (i+1)*p.spec.Dense] {
			sum += float64(v)
		}
		for j := range k {
			dst[i*k+j] = float32(1 / (1 + math.Exp(-sum)))
		}
	}
	return nil
}

func weights(version uint64, bias float32, spec models.Spec) *hotload.Loaded {
	raw, _ := json.Marshal(spec) // a Spec always has an encoding
	return &hotload.Loaded{
		Version: checkpoint.Version(version), Spec: raw,
		Weights: models.Params{{Name: "bias", Shape: []int{1}, Data: []float32{bias}}}.Freeze(),
	}
}

// fixture is a server with one model "m" of two numbers, a category and a vector.
type fixture struct {
	log               *fakeLog
	stable, candidate *source
	spec              models.Spec
	model             serve.Model
	server            *serve.Server
	url               string
}

func dictionary(t testing.TB) *feature.Dictionary {
	t.Helper()
	d, err := feature.New(feature.Config{Features: []feature.Feature{
		{Name: "a", Kind: feature.Numeric},
		{Name: "b", Kind: feature.Numeric, Missing: feature.Default},
		{Name: "c", Kind: feature.Categorical, Buckets: 8, Missing: feature.Default, DefaultCategory: "none"},
		{Name: "v", Kind: feature.Vector, Dim: 2, Missing: feature.Default},
	}})
	require.NoError(t, err)
	return d
}

// setup starts a server on loopback, in the same process; change may adapt it.
func setup(t testing.TB, cfg serve.Config, change func(*fixture)) *fixture {
	t.Helper()
	d := dictionary(t)
	spec := models.Spec{Kind: "linear", Task: models.Binary, Dense: d.Dense(), Categories: d.Categories()}
	decoder, err := feedback.NewDecoder(feedback.DecoderConfig{Dictionary: d, DefaultConsent: feedback.ConsentLearn, Task: feedback.TaskBinary})
	require.NoError(t, err)
	f := &fixture{log: &fakeLog{}, stable: &source{}, candidate: &source{}, spec: spec}
	f.stable.at.Store(weights(7, 0, spec))
	f.model = serve.Model{
		Name: "m", Dictionary: d, Spec: spec, Stable: f.stable, Candidate: f.candidate,
		Decoder: decoder, Log: f.log, NewPredictor: newFakePredictor,
	}
	if cfg.Record.Mode == "" {
		cfg.Record.Mode = serve.RecordDurable
	}
	if cfg.Limits.Timeout == 0 {
		cfg.Limits.Timeout = patience
	}
	if cfg.Limits.Drain == 0 {
		cfg.Limits.Drain = 4900 * time.Millisecond // the longest
	}
	if change != nil {
		change(f)
	}
	f.server, err = serve.New(cfg, []serve.Model{f.model}, serve.Options{})
	require.NoError(t, err)
	ts := httptest.NewServer(f.server.Handler())
	t.Cleanup(func() { ts.Close(); http.DefaultClient.CloseIdleConnections() })
	f.url = ts.URL
	return f
}

// an answer is a response as a client sees it.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) decode(t testing.TB, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(a.body), v), a.body)
}

func call(t testing.TB, method, url, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// inference is the protocol's response, written from its specification.
type inference struct {
	ModelName    string         `json:"model_name"`
	ModelVersion string         `json:"model_version"`
	ID           string         `json:"id"`
	Parameters   map[string]any `json:"parameters"`
	Outputs      []struct {
		Name     string          `json:"name"`
		Datatype string          `json:"datatype"`
		Shape    []int           `json:"shape"`
		Data     json.RawMessage `json:"data"`
	} `json:"outputs"`
}

func output[T any](t testing.TB, in inference, name string) []T {
	t.Helper()
	for _, o := range in.Outputs {
		if o.Name == name {
			var list []T
			require.NoError(t, json.Unmarshal(o.Data, &list))
			return list
		}
	}
	require.Fail(t, "no output "+name)
	return nil
}

// inferBody is a request with feature a for each value; extra goes in front of inputs.
func inferBody(extra string, a ...float64) string {
	data, _ := json.Marshal(a)
	return fmt.Sprintf(`{%s"inputs":[{"name":"a","datatype":"FP64","shape":[%d],"data":%s}]}`, extra, len(a), data)
}

func (f *fixture) infer(t testing.TB, path, body string) inference {
	t.Helper()
	got := call(t, http.MethodPost, f.url+path, body, "Content-Type", "application/json")
	require.Equal(t, http.StatusOK, got.status, got.body)
	var in inference
	got.decode(t, &in)
	return in
}
