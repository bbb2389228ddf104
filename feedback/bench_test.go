package feedback_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/stretchr/testify/require"
)

func BenchmarkDecodeFeedback(b *testing.B) {
	d := newDecoder(b, func(c *feedback.DecoderConfig) { c.Dictionary = numericDictionary(b, 16) })
	e := event(feedback.TypeFeedback, wideFeedback())
	b.SetBytes(int64(len(e.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeRow(b *testing.B) {
	d := numericDictionary(b, 16)
	var in struct{ Features json.RawMessage }
	require.NoError(b, json.Unmarshal([]byte(wideFeedback()), &in))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Encode(in.Features); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromHeaders(b *testing.B) {
	e := event(feedback.TypeFeedback, wideFeedback())
	h := e.Headers()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := feedback.FromHeaders(h, e.Data); err != nil {
			b.Fatal(err)
		}
	}
}

// batchOf returns a batch of n events of 500 bytes of payload.
func batchOf(t testing.TB, n int) []byte {
	t.Helper()
	events := make([]feedback.Event, n)
	for i := range events {
		events[i] = event(feedback.TypeFeedback, wideFeedback())
		events[i].Consent = feedback.ConsentLearn
	}
	body, err := json.Marshal(events)
	require.NoError(t, err)
	return body
}

func BenchmarkParseBatch100(b *testing.B) {
	body := batchOf(b, 100)
	h := http.Header{"Content-Type": {feedback.MediaBatch}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := feedback.ParseHTTP(h, body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
}

// BenchmarkSDKBatch100 is the same batch through the CloudEvents SDK, the reason why
// the envelope is read by this package itself.
func BenchmarkSDKBatch100(b *testing.B) {
	body := batchOf(b, 100)
	b.ReportAllocs()
	for b.Loop() {
		var raws []json.RawMessage
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&raws); err != nil {
			b.Fatal(err)
		}
		for _, raw := range raws {
			var e sdk.Event
			if err := json.Unmarshal(raw, &e); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
}
