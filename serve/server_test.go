package serve_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/serve"
)

// discard is a log that takes everything at once.
type discard struct{}

func (discard) Append(_ context.Context, events []feedback.Event) ([]ledger.Receipt, error) {
	return make([]ledger.Receipt, len(events)), nil
}

// fakeStatus is a learner.
type fakeStatus struct{ report serve.Report }

func (fakeStatus) Status(context.Context) (serve.ModelStatus, error) {
	return serve.ModelStatus{Position: 42, Counters: map[string]uint64{"learned": 40}}, nil
}

func (fakeStatus) Versions(context.Context) ([]serve.VersionInfo, error) {
	return []serve.VersionInfo{{Version: 40, Channels: []string{"stable"}}}, nil
}

func (f fakeStatus) Report(context.Context) (serve.Report, error) { return f.report, nil }

func ptr(v float64) *float64 { return &v }

func TestReadingEndpoints(t *testing.T) {
	f := setup(t, serve.Config{}, func(f *fixture) {
		f.candidate.at.Store(weights(9, 0, f.spec))
		f.model.Status = fakeStatus{serve.Report{
			Scores: []serve.Score{{Name: "learner", N: 100, Accuracy: ptr(1), Loss: ptr(0.5), LossSD: ptr(1)}},
			Anchors: &serve.Anchors{
				Held: 60, Looks: 7, AnchorFigures: serve.AnchorFigures{Accuracy: ptr(0.5), ForwardTransfer: ptr(0.25)},
				Phases: []serve.Phase{{Ended: 9, Examples: 30, AtEnd: ptr(0.75), Current: 0.5}, {Examples: 30, Current: 0.5}},
			},
		}}
	})
	for _, tc := range []struct {
		path string
		want string // a part of the body
	}{
		{"/v2", `"name":"perennial"`},
		{"/v2/", `"extensions":[`},
		{"/v2/health/live", `"live":true`},
		{"/v2/health/ready", `"ready":true`},
		{"/v2/models/m", `{"name":"v","datatype":"FP32","shape":[-1,2]}`},
		{"/v2/models/m", `{"name":"c","datatype":"BYTES","shape":[-1]}`},
		{"/v2/models/m", `"versions":["7","9","stable","candidate"]`},
		{"/v2/models/m/versions/9", `"platform":"perennial_linear"`},
		{"/v2/models/m/ready", `{"name":"m","ready":true}`},
		{"/v2/models/m/versions/stable/ready", `"ready":true`},
		{"/v1/models", `"channels":{"candidate":{"version":9`},
		{"/v1/models/m", `"position":42,"log":{`}, // no log time before a record
		{"/v1/models/m/versions", `"version":40`},
		{"/v1/models/m/metrics", `{"position":0,"scores":[`},
		{"/v1/models/m/metrics", `"accuracy_interval":{"low":0.963`}, // Wilson: 1/(1+z²/n) at p = 1
		{"/v1/models/m/metrics", `"loss_interval":{"low":0.304`},
		{"/v1/models/m/metrics", `"anchors":{"held":60,"looks":7,"accuracy":0.5,"forward_transfer":0.25,"phases":[{"ended":9,`},
		{"/v1/models/m/metrics", `"current":0.5,"current_interval":{"low":0.331`}, // Wilson at p = 0.5 of 30
		{"/v1/models/m/metrics", `,{"examples":30,"current":0.5,`},
		{"/", `<!doctype html>`},
	} {
		got := call(t, http.MethodGet, f.url+tc.path, "")
		require.Equal(t, http.StatusOK, got.status, tc.path+got.body)
		require.Contains(t, got.body, tc.want, tc.path)
	}
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/v2/models/x", 404}, {http.MethodGet, "/v2/models/m/versions/8", 404},
		{http.MethodGet, "/v2/models/m/versions/8/ready", 404}, {http.MethodGet, "/nothing", 404},
		{http.MethodGet, "/v2/models/m/infer", 405}, {http.MethodPost, "/v1/models", 405}, {http.MethodDelete, "/v2", 405},
	} {
		got := call(t, tc.method, f.url+tc.path, "")
		require.Equal(t, tc.status, got.status, tc.path)
		var e map[string]any
		got.decode(t, &e)
		require.NotEmpty(t, e["code"])
	}
}

func TestControlIsAppendedOnlyIfItMayBeAndMakesSense(t *testing.T) {
	const token = "a-token-of-some-length"
	for _, tc := range []struct {
		name, token, address string
		header               []string
		body                 string
		status               int
	}{
		{"loopback", "", "", nil, `{"action":"rollback","version":3,"reason":"bad labels"}`, 202},
		{"not on loopback", "", "0.0.0.0:8080", nil, `{"action":"pin"}`, 403},
		{"a name that was made to point here", "", "", []string{"Host", "evil.example"}, `{"action":"pin"}`, 403},
		{"a page of another origin", "", "", []string{"Sec-Fetch-Site", "cross-site"}, `{"action":"pin"}`, 403},
		{"the token", token, "0.0.0.0:8080", []string{"Authorization", "Bearer " + token}, `{"action":"promote"}`, 202},
		{"no token", token, "", nil, `{"action":"pin"}`, 401},
		{"another token", token, "", []string{"Authorization", "Bearer " + token + "x"}, `{"action":"pin"}`, 401},
		{"no such action", "", "", nil, `{"action":"explode"}`, 400},
		{"rollback to nowhere", "", "", nil, `{"action":"rollback"}`, 400},
		{"a form", "", "", []string{"Content-Type", "text/plain"}, `{"action":"pin"}`, 415},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := setup(t, serve.Config{AdminToken: tc.token, Address: tc.address}, nil)
			header := append([]string{"Content-Type", "application/json"}, tc.header...)
			got := call(t, http.MethodPost, f.url+"/v1/models/m/control", tc.body, header...)
			require.Equal(t, tc.status, got.status, got.body)
			if tc.status != 202 {
				require.Empty(t, f.log.all())
				return
			}
			events := f.log.all()
			require.Len(t, events, 1)
			require.Equal(t, feedback.TypeControl, events[0].Type)
			require.JSONEq(t, tc.body, string(events[0].Data))
			require.Contains(t, got.body, `"position":1`)
		})
	}
}

func TestControlWithAnIdempotencyKeyHappensOnce(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	for _, duplicate := range []string{"false", "true"} {
		got := call(t, http.MethodPost, f.url+"/v1/models/m/control", `{"action":"pin"}`, "Content-Type", "application/json", "Idempotency-Key", "k1")
		require.Contains(t, got.body, `"duplicate":`+duplicate)
	}
	require.Len(t, f.log.all(), 1)
}

func TestMetricsCountByCodeAndByNoNameOfTheCaller(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	f.infer(t, "/v2/models/m/infer", inferBody("", 1))
	call(t, http.MethodPost, f.url+"/v1/feedback", bad("1"), "Content-Type", structured)
	call(t, http.MethodGet, f.url+"/v2/models/made-up-name", "")
	got := call(t, http.MethodGet, f.url+"/metrics", "")
	for _, want := range []string{
		`perennial_serve_requests_total{code="200",endpoint="infer"} 1`,
		`perennial_serve_refusals_total{model="m",reason="missing_field"} 1`,
		`perennial_serve_refusals_total{model="",reason="model_unknown"} 1`,
		`perennial_serve_version{channel="stable",model="m"} 7`,
		`perennial_serve_predictions_recorded_total{model="m"} 1`,
	} {
		require.Contains(t, got.body, want)
	}
	require.NotContains(t, got.body, "made-up-name")
}

func TestTooManyRequestsAtOnceAreTurnedAway(t *testing.T) {
	block, blocked := make(chan struct{}), make(chan struct{})
	f := setup(t, serve.Config{Limits: serve.Limits{Concurrency: 1}}, func(f *fixture) { f.log.block, f.log.blocked = block, blocked })
	first := make(chan answer, 1)
	go func() {
		first <- call(t, http.MethodPost, f.url+"/v1/feedback", good("1"), "Content-Type", structured)
	}()
	<-blocked // the one place is taken
	got := call(t, http.MethodGet, f.url+"/v2", "")
	require.Equal(t, http.StatusTooManyRequests, got.status, got.body)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, call(t, http.MethodGet, f.url+"/v2/health/live", "").status, "probes are never turned away")
	close(block)
	require.Equal(t, http.StatusAccepted, (<-first).status)
}

// start runs the server on a port of its own until the test calls stop.
func start(t *testing.T, s *serve.Server) (url string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() { cancel(); http.DefaultClient.CloseIdleConnections() })
	return "http://" + ln.Addr().String(), func() error { cancel(); return <-done }
}

// insist posts an inference until it is answered: where requests have little time, a busy
// machine may take it from one that had to wait for nothing.
func insist(t *testing.T, url string) {
	t.Helper()
	for began := time.Now(); ; {
		got := call(t, http.MethodPost, url+"/v2/models/m/infer", inferBody("", 1))
		if got.status == http.StatusOK {
			return
		}
		require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
		require.Less(t, time.Since(began), patience)
	}
}

func TestAsyncRecordingWaitsWhenFullAndLosesNothingAtTheEnd(t *testing.T) {
	block, blocked := make(chan struct{}), make(chan struct{})
	f := setup(t, serve.Config{Record: serve.Record{Mode: serve.RecordAsync, QueueEvents: 4}, Limits: serve.Limits{Timeout: 300 * time.Millisecond}},
		func(f *fixture) { f.log.block, f.log.blocked = block, blocked })
	url, stop := start(t, f.server)
	insist(t, url)
	<-blocked // the log has it, and takes no more
	for range 4 {
		insist(t, url)
	}
	got := call(t, http.MethodPost, url+"/v2/models/m/infer", inferBody("", 1))
	require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	close(block)
	require.NoError(t, stop())
	require.Len(t, f.log.all(), 5, "every answered prediction is in the log, no other")
}

func TestAsyncRecordingOutlastsAStalledLog(t *testing.T) {
	f := setup(t, serve.Config{Record: serve.Record{Mode: serve.RecordAsync}}, nil)
	url, stop := start(t, f.server)
	f.log.fail(ledger.ErrStalled)
	require.Equal(t, http.StatusOK, call(t, http.MethodPost, url+"/v2/models/m/infer", inferBody("", 1)).status)
	require.Empty(t, f.log.all())
	f.log.fail(nil)
	require.Eventually(t, func() bool { return len(f.log.all()) == 1 }, patience, time.Millisecond)
	require.NoError(t, stop())
}

// Whoever waits for a log that takes nothing hears why, and not that time was up: also
// where the log says so only while they wait.
func TestAsyncRecordingSaysWhyTheLogTakesNothing(t *testing.T) {
	first, second, blocked := make(chan struct{}), make(chan struct{}), make(chan struct{})
	f := setup(t, serve.Config{Record: serve.Record{Mode: serve.RecordAsync, QueueEvents: 1}},
		func(f *fixture) { f.log.block, f.log.blocked = first, blocked })
	url, stop := start(t, f.server)
	f.log.fail(ledger.ErrFull)
	f.infer(t, "/v2/models/m/infer", inferBody("", 1))
	<-blocked // the log has it, and has yet to refuse it
	f.infer(t, "/v2/models/m/infer", inferBody("", 1))

	ctx, timeIsUp := context.WithCancel(t.Context())
	defer timeIsUp()
	waited := httptest.NewRecorder()
	var waiting sync.WaitGroup
	waiting.Go(func() {
		body := strings.NewReader(inferBody("", 1))
		f.server.Handler().ServeHTTP(waited, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v2/models/m/infer", body))
	})
	require.Eventually(t, func() bool {
		return strings.Contains(call(t, http.MethodGet, url+"/metrics", "").body, `perennial_serve_rows_total{channel="stable",model="m"} 3`)
	}, patience, time.Millisecond, "all but recorded")
	f.log.hold(second)
	close(first)
	<-blocked // it was refused, and is tried again
	timeIsUp()
	waiting.Wait()
	require.Equal(t, http.StatusInsufficientStorage, waited.Code, waited.Body)
	require.Contains(t, waited.Body.String(), "log_full")
	f.log.fail(nil)
	close(second)
	require.NoError(t, stop())
	require.Len(t, f.log.all(), 2, "every answered prediction is in the log, no other")
}

func TestStopIsQuickAndCountsWhatItHadToLeave(t *testing.T) {
	f := setup(t, serve.Config{Record: serve.Record{Mode: serve.RecordAsync}, Limits: serve.Limits{Drain: 200 * time.Millisecond}}, nil)
	f.log.fail(ledger.ErrStalled)
	_, stop := start(t, f.server)
	// By another listener: of a connection of its own the stop would wait for the end.
	f.infer(t, "/v2/models/m/infer", inferBody("", 1))
	require.NoError(t, stop(), "which tries for no longer than it may, or it would not end")
	got := call(t, http.MethodGet, f.url+"/metrics", "")
	require.Contains(t, got.body, `perennial_serve_predictions_lost_total{model="m"} 1`)
}

// HTTP clients open connections ahead of requests.
func TestStopDoesNotWaitForConnectionsWithoutARequest(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	url, stop := start(t, f.server)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	// Connections are accepted in their order.
	require.Equal(t, http.StatusOK, call(t, http.MethodGet, url+"/v2/health/live", "").status)
	require.NoError(t, stop())
}

func TestStopLetsRequestsUnderWayFinish(t *testing.T) {
	block, blocked := make(chan struct{}), make(chan struct{})
	f := setup(t, serve.Config{}, func(f *fixture) { f.log.block, f.log.blocked = block, blocked })
	url, stop := start(t, f.server)
	answered := make(chan answer, 1)
	go func() {
		answered <- call(t, http.MethodPost, url+"/v1/feedback", good("1"), "Content-Type", structured)
	}()
	<-blocked // it is under way
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	require.Eventually(t, func() bool { // by another listener, which stays open
		return call(t, http.MethodGet, f.url+"/v2/health/ready", "").status == http.StatusServiceUnavailable
	}, patience, time.Millisecond, "it does not stop")
	close(block)
	require.Equal(t, http.StatusAccepted, (<-answered).status)
	require.NoError(t, <-stopped)
}

func TestConfigErrorsNameFieldAndRule(t *testing.T) {
	require.NoError(t, serve.Config{}.WithDefaults().Validate())
	for field, change := range map[string]func(*serve.Config){
		"address":           func(c *serve.Config) { c.Address = "nowhere" },
		"admin_token":       func(c *serve.Config) { c.AdminToken = "short" },
		"limits.body":       func(c *serve.Config) { c.Limits.Body = -1 },
		"limits.drain":      func(c *serve.Config) { c.Limits.Drain = 5 * time.Second },
		"limits.timeout":    func(c *serve.Config) { c.Limits.Timeout = -1 },
		"record.mode":       func(c *serve.Config) { c.Record.Mode = "never" },
		"traffic.candidate": func(c *serve.Config) { c.Traffic.Candidate = 1.5 },
	} {
		c := serve.Config{}.WithDefaults()
		change(&c)
		require.ErrorContains(t, c.Validate(), field+" must")
	}
}

func TestDashboardNeedsNothingFromElsewhere(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	got := call(t, http.MethodGet, f.url+"/", "")
	require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'")
	page := strings.ReplaceAll(got.body, `"http://www.w3.org/2000/svg"`, "") // a name, which nothing is loaded from
	for _, outside := range []string{"http://", "https://", "//cdn", "@import", "url("} {
		require.NotContains(t, page, outside)
	}
}

func BenchmarkInferOneRow(b *testing.B) {
	for _, mode := range []struct {
		name string
		body string
	}{
		{"recorded", inferBody(`"parameters":{"subject":"s1"},`, 1)},
		{"silent", inferBody(`"parameters":{"subject":"s1","record":false},`, 1)},
	} {
		b.Run(mode.name, func(b *testing.B) {
			f := setup(b, serve.Config{}, func(f *fixture) { f.model.Log = discard{} })
			handler := f.server.Handler()
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", strings.NewReader(mode.body))
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
				_, _ = io.Copy(io.Discard, w.Body)
			}
		})
	}
}

func TestReportWithoutANumberIsAnErrorAndNotBrokenJSON(t *testing.T) {
	nan := 0.0
	nan /= nan
	f := setup(t, serve.Config{}, func(f *fixture) {
		f.model.Status = fakeStatus{serve.Report{Scores: []serve.Score{{Name: "learner", N: 1, Loss: &nan}}}}
	})
	got := call(t, http.MethodGet, f.url+"/v1/models/m/metrics", "")
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.True(t, json.Valid([]byte(got.body)))
}
