package feedback_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
	"unicode/utf8"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/stretchr/testify/require"
)

// requireCleanRefusal checks that a refusal can stand in a header and in JSON.
func requireCleanRefusal(t *testing.T, err error) {
	t.Helper()
	var r *feedback.Refusal
	require.ErrorAs(t, err, &r)
	require.NotEmpty(t, r.Code)
	require.NotEmpty(t, r.Field)
	require.NotEmpty(t, r.Rule)
	text := r.Error()
	require.True(t, utf8.ValidString(text))
	require.NotContains(t, text, "\n")
	require.Less(t, len(text), 1024)
}

func FuzzFromHeaders(f *testing.F) {
	f.Add("e", "/app", feedback.TypeTick, "p", "2024-01-02T03:04:05Z", "learn", []byte(`{}`))
	f.Add(`"a\"b"`, "%41", "t", "", "x", "none", []byte(nil))
	f.Add("%", "%zz", "%ff", "\x00", "0000-01-01T00:00:00Z", "", []byte(nil))
	f.Fuzz(func(t *testing.T, id, source, typ, subject, at, consent string, data []byte) {
		h := map[string][]string{
			"ce-specversion": {"1.0"}, "ce-id": {id}, "ce-source": {source}, "ce-type": {typ},
		}
		for name, value := range map[string]string{"ce-subject": subject, "ce-time": at, "CE-Consent": consent} {
			if value != "" {
				h[name] = []string{value}
			}
		}
		e, err := feedback.FromHeaders(h, data)
		if err != nil {
			requireCleanRefusal(t, err)
			return
		}
		again, err := feedback.FromHeaders(e.Headers(), e.Data)
		require.NoError(t, err)
		require.True(t, e.Time.Equal(again.Time))
		e.Time, again.Time = time.Time{}, time.Time{}
		require.Equal(t, e, again)
	})
}

func FuzzParseHTTP(f *testing.F) {
	whole, err := json.Marshal(fullEvent())
	require.NoError(f, err)
	f.Add(feedback.MediaEvent, whole)
	f.Add(feedback.MediaBatch, append(append([]byte("["), whole...), ",{}]"...))
	f.Add(feedback.MediaEvent, []byte(`{"specversion":"1.0","id":"e","source":"/app","type":"t","time":null,"x":1,"data_base64":"e30="}`))
	f.Add("application/json", []byte(`{}`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		got, err := feedback.ParseHTTP(http.Header{"Content-Type": {contentType}}, body)
		if err != nil {
			requireCleanRefusal(t, err)
			return
		}
		for i, p := range got {
			require.Equal(t, i, p.Index)
			if p.Refusal != nil {
				requireCleanRefusal(t, p.Refusal)
				continue
			}
			if contentType != feedback.MediaEvent {
				continue
			}
			// Whatever this package takes, the CloudEvents SDK reads in the same way,
			// where it reads it at all: it wants a type's URI to parse.
			var want sdk.Event
			if json.Unmarshal(body, &want) == nil && want.Validate() == nil && json.Valid(p.Event.Data) {
				requireSameEvent(t, want, p.Event)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	names := []string{"prediction", "feedback", "control", "tick"}
	for i, name := range names {
		for _, text := range payloads()[name] {
			f.Add(uint8(i), []byte(text))
		}
	}
	f.Add(uint8(1), []byte(`{"features":{"x":1e999},"signal":{"kind":"label","value":1}}`))
	schemas, d := compileSchemas(f), schemaDecoder(f)
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		name := names[int(kind)%len(names)]
		before := string(data)
		rec, err := d.Decode(event("perennial."+name+".v1", string(data)))
		require.Equal(t, before, string(data), "Decode must not write to its input")
		if err != nil {
			requireCleanRefusal(t, err)
			return
		}
		if len(data) > 0 && len(data) < 4096 { // big exponents are dear to the schemas' arithmetic
			require.NoError(t, schemas.check(name, string(data)), "decoded what the schema refuses: %q", data)
		}
		var payload any
		switch {
		case rec.Prediction != nil:
			payload = rec.Prediction
		case rec.Feedback != nil:
			payload = rec.Feedback
		case rec.Control != nil:
			payload = rec.Control
		default:
			return
		}
		text, err := json.Marshal(payload)
		require.NoError(t, err)
		again, err := d.Decode(event("perennial."+name+".v1", string(text)))
		require.NoError(t, err, "a record must decode again: %s", text)
		require.Equal(t, rec.Row, again.Row)
	})
}
