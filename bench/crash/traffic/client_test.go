package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
)

func testModel() Model {
	return Model{Name: "m", Numbers: []string{"a", "b"}, Vector: "v", Dim: 2, Word: "w", Categories: []string{"x", "y", "ß"}}
}

func testClient(url string) *client {
	book := NewBook("m")
	return &client{
		name: "t", model: testModel(), rng: rand.New(rand.NewPCG(1, 2)), post: newPoster(url, book), book: book,
		pause: time.Millisecond,
	}
}

func TestRequestIsSentAgainWithTheSameIDsUntilItIsAcknowledged(t *testing.T) {
	var calls atomic.Int32
	bodies := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var buf strings.Builder
		_, _ = fmt.Fprint(&buf, readAll(t, r))
		bodies <- buf.String()
		switch calls.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks, as under kill -9
		case 3:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.WriteHeader(http.StatusAccepted)
			_, _ = fmt.Fprint(w, `{"results": [{"index": 0, "id": "f", "position": 9, "duplicate": true}]}`)
		}
	}))
	defer srv.Close()
	c := testClient(srv.URL)
	m := newMessage("f", "person", "", data{PredictionID: "p", Signal: &signal{Kind: "click"}}, stored)
	require.NoError(t, c.feedback(t.Context(), []message{m}))
	require.EqualValues(t, 4, calls.Load())
	first := <-bodies
	for range 3 {
		require.Equal(t, first, <-bodies)
	}
	require.Equal(t, map[string][]uint64{"f": {9}}, c.book.Acked("m"))
	s := c.book.Stats()
	require.Equal(t, []int{1, 3, 1, 0}, []int{s.Requests, s.Retries, s.Known, s.Accepted})
}

func readAll(t *testing.T, r *http.Request) string {
	t.Helper()
	var doc json.RawMessage
	require.NoError(t, json.NewDecoder(r.Body).Decode(&doc))
	return string(doc)
}

func TestNothingIsAcknowledgedWhenTheRunEndsFirst(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	c := testClient(srv.URL)
	m := newMessage("f", "person", "", data{PredictionID: "p", Signal: &signal{Kind: "click"}}, stored)
	require.ErrorIs(t, c.feedback(ctx, []message{m}), errGone)
	require.Empty(t, c.book.Acked("m"))
}

func TestWrongAnswersAreFaults(t *testing.T) {
	ok := newMessage("f", "", "", data{PredictionID: "p", Signal: &signal{Kind: "click"}}, stored)
	bad := newMessage("f", "", "", data{PredictionID: "p"}, refused)
	held := newMessage("f", "", "none", data{PredictionID: "p", Signal: &signal{Kind: "click"}}, withheld)
	for _, tc := range []struct {
		name   string
		m      message
		r      result
		faults int
	}{
		{"stored as it should", ok, result{ID: "f", Position: 1}, 0},
		{"refused as it should", bad, result{ID: "f", Code: "missing_field"}, 0},
		{"withheld as it should", held, result{Code: "consent_refused"}, 0},
		{"a good event was refused", ok, result{ID: "f", Code: "missing_field"}, 1},
		{"a bad event was stored", bad, result{ID: "f", Position: 1}, 1},
		{"an event without consent was stored", held, result{ID: "f", Position: 1}, 1},
		{"an event without consent was named", held, result{ID: "f", Code: "consent_refused"}, 1},
		{"the answer is about another event", ok, result{ID: "g", Position: 1}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := testClient("")
			c.judge(tc.m, tc.r)
			n, _ := c.book.Faults()
			require.Equal(t, tc.faults, n)
			_, acked := c.book.Acked("m")["f"]
			require.Equal(t, tc.m.fate == stored && n == 0, acked)
			_, banned := c.book.Banned("m")["f"]
			require.Equal(t, tc.m.fate != stored && n == 0, banned, "what must not be stored is looked for in the log")
		})
	}
}

func TestAnswersThatDoNotFitTheBatchAreNotRead(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		answer string
		n      int
		want   string
	}{
		{"a batch", 202, `{"results": [{"index": 0, "id": "a"}, {"index": 1, "id": "b"}]}`, 2, ""},
		{"one refused event", 400, `{"code": "missing_field"}`, 1, ""},
		{"a refused batch", 400, `{"code": "x", "errors": [{"index": 0, "code": "x"}, {"index": 1, "code": "x"}]}`, 2, ""},
		{"too few results", 202, `{"results": [{"index": 0}]}`, 2, "1 results for 2 events"},
		{"another order", 202, `{"results": [{"index": 1}, {"index": 0}]}`, 2, "result 0 is about event 1"},
		{"a status that is neither", 413, `{"code": "body_too_large"}`, 1, "neither 202 nor 400"},
		{"no JSON", 202, `ok`, 1, "not JSON"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list, err := readResults(tc.status, []byte(tc.answer), tc.n)
			if tc.want == "" {
				require.NoError(t, err)
				require.Len(t, list, tc.n)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestAnInferenceIsAcknowledgedByItsOwnIDs(t *testing.T) {
	answer := `{"outputs": [{"name": "prediction_id", "data": ["%s"]}, {"name": "probabilities", "data": [0.5]}]}`
	for _, tc := range []struct {
		name, id, consent string
		faults            int
		acked             int
	}{
		{"its own id", "p", "", 0, 1},
		{"another id", "q", "", 1, 0},
		{"no consent: no trace", "p", "none", 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, answer, tc.id)
			}))
			defer srv.Close()
			c := testClient(srv.URL)
			require.NoError(t, c.infer(t.Context(), []row{c.model.draw(c.rng, "p")}, tc.consent))
			n, _ := c.book.Faults()
			require.Equal(t, tc.faults, n)
			require.Len(t, c.book.Acked("m"), tc.acked)
			require.Equal(t, tc.consent == "none", c.book.Banned("m")["prediction:p"] != "")
		})
	}
}

// Over many rounds the traffic holds everything that the proof is about.
func TestTalkHoldsDuplicatesOperationsRefusalsAndAllKindsOfSignals(t *testing.T) {
	c := testClient("")
	kinds, operations, fates := map[string]int{}, map[string]int{}, map[fate]int{}
	ids, twice := map[string]string{}, 0
	for i := range 400 {
		x := c.model.draw(c.rng, fmt.Sprintf("p-%d", i))
		c.served = append(c.served[max(0, len(c.served)-9):], x)
		for _, m := range c.talk([]row{x}) {
			fates[m.fate]++
			if m.about.Signal != nil {
				kinds[m.about.Signal.Kind]++
			}
			if m.about.Operation != nil {
				operations[m.about.Operation.Kind]++
			}
			if _, ok := ids[m.id]; ok {
				twice++
			}
			ids[m.id] = string(m.body)
			c.said = append(c.said[max(0, len(c.said)-49):], m)
			c.n++
			c.old = sample(c.rng, c.old, m, c.n)
		}
	}
	for _, kind := range []feedback.SignalKind{
		feedback.Correctness, feedback.Correction, feedback.Rating, feedback.Preference, feedback.Click, feedback.Skip,
		feedback.Dwell, feedback.Conversion, feedback.TaskCompletion, feedback.Label,
	} {
		require.NotZero(t, kinds[string(kind)], kind)
	}
	for _, op := range []feedback.OperationKind{feedback.Amend, feedback.Withdraw, feedback.Expire} {
		require.NotZero(t, operations[string(op)], op)
	}
	require.NotZero(t, fates[stored])
	require.NotZero(t, fates[refused])
	require.NotZero(t, fates[withheld])
	require.Greater(t, twice, 100)
	require.Equal(t, c.book.Stats().Duplicates, twice)
}

func TestEventsAreCloudEventsThatTheLibraryReads(t *testing.T) {
	m := newMessage("f-1", "person-1", "measure", data{PredictionID: "p", Signal: &signal{Kind: "rating", Value: ptr(4.0)}}, stored)
	parsed, err := feedback.ParseHTTP(http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, batch([]message{m, m}))
	require.NoError(t, err)
	require.Len(t, parsed, 2)
	require.Nil(t, parsed[0].Refusal)
	require.Equal(t, "f-1", parsed[0].Event.ID)
	require.Equal(t, feedback.ConsentMeasure, parsed[0].Event.Consent)
}

func TestTheSameSeedSaysTheSameThings(t *testing.T) {
	said := func() string {
		c := testClient("")
		var all strings.Builder
		for i := range 20 {
			x := c.model.draw(c.rng, fmt.Sprintf("p-%d", i))
			c.served = append(c.served, x)
			all.Write(batch(c.talk([]row{x})))
		}
		return all.String()
	}
	require.Equal(t, said(), said())
}

func TestSampleKeepsLateAndEarlyAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var kept []int
	for i := range 40 * ever {
		kept = sample(r, kept, i, i+1)
	}
	require.Len(t, kept, ever)
	early := 0
	for _, v := range kept {
		if v < 20*ever {
			early++
		}
	}
	require.InDelta(t, ever/2, early, float64(ever)/8)
}
