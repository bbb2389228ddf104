package serve_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/serve"
)

const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

// event is a structured CloudEvent, written from its specification.
func event(id, consent, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"shop","type":"perennial.feedback.v1","subject":"s1","consent":%q,"data":%s}`, id, consent, data)
}

func good(id string) string {
	return event(id, "learn", `{"prediction_id":"p1","signal":{"kind":"label","value":1}}`)
}

func bad(id string) string {
	return event(id, "learn", `{"prediction_id":"p1","signal":{"kind":"label"}}`)
}

type ingestAnswer struct {
	Accepted, Refused, Withheld int
	Results                     []struct {
		Index             int
		ID                string
		Position          uint64
		Duplicate         bool
		Code, Field, Rule string
	}
}

func TestAcceptedEventsAreInTheLogWhenTheAnswerComes(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	for _, path := range []string{"/v1/feedback", "/v1/models/m/feedback"} {
		got := call(t, http.MethodPost, f.url+path, good("e"+path), "Content-Type", structured)
		require.Equal(t, http.StatusAccepted, got.status, got.body)
		var a ingestAnswer
		got.decode(t, &a)
		require.Equal(t, 1, a.Accepted)
		require.Equal(t, "e"+path, a.Results[0].ID)
		require.Equal(t, uint64(len(f.log.all())), a.Results[0].Position)
	}
	got := call(t, http.MethodPost, f.url+"/v1/feedback", `{"prediction_id":"p1","signal":{"kind":"click"}}`,
		"Content-Type", "application/json", "ce-specversion", "1.0", "ce-id", "b1", "ce-source", "shop",
		"ce-type", "perennial.feedback.v1", "ce-consent", "measure")
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	last := f.log.all()[2]
	require.Equal(t, "b1", last.ID)
	require.Equal(t, feedback.ConsentMeasure, last.Consent)
	require.JSONEq(t, `{"prediction_id":"p1","signal":{"kind":"click"}}`, string(last.Data))
}

func TestOneBadEventDoesNotSinkTheOthers(t *testing.T) {
	f := setup(t, serve.Config{}, func(f *fixture) { f.log.refuse = "unstorable" })
	call(t, http.MethodPost, f.url+"/v1/feedback", good("old"), "Content-Type", structured)
	control := `{"specversion":"1.0","id":"c","source":"shop","type":"perennial.control.v1","data":{"action":"pin"}}`
	batch := "[" + strings.Join([]string{good("1"), bad("2"), `{"specversion":"1.0"}`, event("4", "none", `{}`), control, good("old"), good("unstorable"), good("8")}, ",") + "]"
	got := call(t, http.MethodPost, f.url+"/v1/feedback", batch, "Content-Type", batched)
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	var a ingestAnswer
	got.decode(t, &a)
	require.Equal(t, []int{3, 4, 1}, []int{a.Accepted, a.Refused, a.Withheld})
	want := []struct{ code, field string }{
		{}, {"missing_field", "data.signal.value"}, {"invalid_attribute", "id"}, {"consent_refused", "consent"}, {"type_not_allowed", "type"}, {}, {"unstorable", ""}, {},
	}
	for i, r := range a.Results {
		require.Equal(t, i, r.Index)
		require.Equal(t, want[i].code, r.Code, got.body)
		require.Equal(t, want[i].field, r.Field, got.body)
		require.Equal(t, want[i].code == "", r.Position > 0)
	}
	require.True(t, a.Results[5].Duplicate)
	require.Empty(t, a.Results[3].ID, "nothing is said of a person who allowed nothing")
	var ids []string
	for _, e := range f.log.all() {
		ids = append(ids, e.ID)
	}
	require.Equal(t, []string{"old", "1", "8"}, ids)
}

func TestRequestsWithoutOneGoodEventAreProblems(t *testing.T) {
	f := setup(t, serve.Config{Limits: serve.Limits{Events: 3, Body: 4096}}, nil)
	for _, tc := range []struct {
		name, media, body string
		status            int
		code, field       string
		errors            int
	}{
		{"one bad event", structured, bad("1"), 400, "missing_field", "data.signal.value", 0},
		{"a batch of the same fault", batched, "[" + bad("1") + "," + bad("2") + "]", 400, "missing_field", "data.signal.value", 2},
		{"a batch of several faults", batched, "[" + bad("1") + ",{}]", 400, "all_refused", "batch", 2},
		{"not an event", "text/plain", "hello", 415, "unsupported_media_type", "content-type", 0},
		{"plain JSON without attributes", "application/json", good("1"), 415, "unsupported_media_type", "content-type", 0},
		{"a batch that is no array", batched, "{}", 400, "wrong_type", "batch", 0},
		{"too many events", batched, "[" + strings.Repeat(`{},`, 3) + "{}]", 413, "too_many", "batch", 0},
		{"too large", structured, good(strings.Repeat("x", 5000)), 413, "body_too_large", "body", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := call(t, http.MethodPost, f.url+"/v1/feedback", tc.body, "Content-Type", tc.media)
			require.Equal(t, tc.status, got.status, got.body)
			require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
			var p struct {
				Type, Title, Code, Field, Rule string
				Status                         int
				Errors                         []map[string]any
			}
			got.decode(t, &p)
			require.Equal(t, tc.code, p.Code, got.body)
			require.Equal(t, tc.field, p.Field, got.body)
			require.Equal(t, tc.status, p.Status)
			require.NotEmpty(t, p.Type)
			require.NotEmpty(t, p.Title)
			require.NotEmpty(t, p.Rule)
			require.Len(t, p.Errors, tc.errors)
		})
	}
	require.Empty(t, f.log.all())
}

func TestConsentNoneIsThankedAndForgotten(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	got := call(t, http.MethodPost, f.url+"/v1/feedback", event("secret-id", "none", `{"prediction_id":"secret-prediction"}`), "Content-Type", structured)
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	require.Contains(t, got.body, `"withheld":1`)
	require.NotContains(t, got.body, "secret")
	require.Empty(t, f.log.all())
}

func TestAFullOrSilentLogAsksToComeBack(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{{ledger.ErrBusy, 429, "busy"}, {ledger.ErrStalled, 503, "log_stalled"}, {ledger.ErrFull, 507, "log_full"}, {ledger.ErrClosed, 503, "not_ready"}} {
		f.log.fail(tc.err)
		got := call(t, http.MethodPost, f.url+"/v1/feedback", good("1"), "Content-Type", structured)
		require.Equal(t, tc.status, got.status, got.body)
		require.NotEmpty(t, got.header.Get("Retry-After"))
		require.Contains(t, got.body, tc.code)
	}
}

func TestSeveralModelsWantTheModelInThePath(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	other := f.model
	other.Name = "n"
	log := &fakeLog{}
	other.Log = log
	server, err := serve.New(serve.Config{}, []serve.Model{f.model, other}, serve.Options{})
	require.NoError(t, err)
	ts := httptest.NewServer(server.Handler())
	defer ts.Close()
	got := call(t, http.MethodPost, ts.URL+"/v1/feedback", good("1"), "Content-Type", structured)
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Contains(t, got.body, "model_not_named")
	got = call(t, http.MethodPost, ts.URL+"/v1/models/n/feedback", good("1"), "Content-Type", structured)
	require.Equal(t, http.StatusAccepted, got.status)
	require.Len(t, log.all(), 1)
	require.Empty(t, f.log.all())
}

// The cost of an event beside the log: HTTP, parse, check, answer.
func BenchmarkIngest(b *testing.B) {
	const batch = 200
	f := setup(b, serve.Config{}, func(f *fixture) { f.model.Log = discard{} })
	var list []string
	for i := range batch {
		e := event(fmt.Sprintf("event-%06d", i), "learn", fmt.Sprintf(
			`{"features":{"a":0.%d,"b":-1.5,"c":"blue","v":[0.25,-3]},"segments":{"padding":%q},"signal":{"kind":"label","value":1}}`, i, strings.Repeat("x", 120)))
		list = append(list, e)
	}
	body := "[" + strings.Join(list, ",") + "]"
	handler := f.server.Handler()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v1/feedback", strings.NewReader(body))
		r.Header.Set("Content-Type", batched)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			b.Fatal(w.Body.String())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/event")
}

func TestProblemsOfTheInferenceProtocolKeepItsForm(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	got := call(t, http.MethodPost, f.url+"/v2/models/m/infer", `{"inputs":[]}`)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	var e map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.body), &e))
	require.IsType(t, "", e["error"])
}
