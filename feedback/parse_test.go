package feedback_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/stretchr/testify/require"
)

// fullEvent has every attribute, with characters that headers must escape.
func fullEvent() feedback.Event {
	return feedback.Event{
		ID: `a"b%c`, Source: "https://app.example/v1?x=%20", Type: feedback.TypeFeedback, Subject: "p~1",
		Time: time.Date(2024, 2, 29, 12, 30, 0, 123456789, time.UTC), Consent: feedback.ConsentMeasure,
		Data: []byte(`{"prediction_id":"p","signal":{"kind":"click"}}`),
	}
}

func TestHeadersRoundTrip(t *testing.T) {
	for _, e := range []feedback.Event{fullEvent(), feedback.NewTick("t-1", "/loop")} {
		got, err := feedback.FromHeaders(e.Headers(), e.Data)
		require.NoError(t, err)
		require.Equal(t, e, got)
	}
	require.Equal(t, []string{"a%22b%25c"}, fullEvent().Headers()["ce-id"])
}

func TestFromHeadersIsTolerantOfCaseAndOfOtherHeaders(t *testing.T) {
	e, err := feedback.FromHeaders(map[string][]string{
		"CE-SpecVersion": {"1.0"}, "Ce-Id": {`"quoted\"id"`}, "ce-SOURCE": {"/app"}, "ce-type": {feedback.TypeTick},
		"ce-traceparent": {"00-%zz"}, "Nats-Msg-Id": {"1"}, "content-type": {"text/plain"},
	}, nil)
	require.NoError(t, err)
	require.Equal(t, feedback.Event{ID: `quoted"id`, Source: "/app", Type: feedback.TypeTick}, e)
}

func TestFromHeadersReadsStructuredMode(t *testing.T) {
	body, err := json.Marshal(fullEvent())
	require.NoError(t, err)
	for _, h := range []map[string][]string{
		nil,
		{"Nats-Msg-Id": {"1"}},
		{"Content-Type": {"application/cloudevents+json; charset=utf-8"}, "ce-id": {"ignored"}},
	} {
		e, err := feedback.FromHeaders(h, body)
		require.NoError(t, err)
		require.Equal(t, fullEvent(), e)
	}
}

func TestFromHeadersRefusals(t *testing.T) {
	good := func() map[string][]string {
		return map[string][]string{
			"ce-specversion": {"1.0"}, "ce-id": {"e"}, "ce-source": {"/app"}, "ce-type": {feedback.TypeTick},
		}
	}
	for _, tc := range []struct {
		name   string
		change func(map[string][]string)
		code   feedback.Code
		field  string
	}{
		{"no id", func(h map[string][]string) { delete(h, "ce-id") }, feedback.CodeAttribute, "id"},
		{"no source", func(h map[string][]string) { delete(h, "ce-source") }, feedback.CodeAttribute, "source"},
		{"no type", func(h map[string][]string) { delete(h, "ce-type") }, feedback.CodeAttribute, "type"},
		{"no specversion", func(h map[string][]string) { delete(h, "ce-specversion") }, feedback.CodeSpecVersion, "specversion"},
		{"older specversion", func(h map[string][]string) { h["ce-specversion"] = []string{"0.3"} }, feedback.CodeSpecVersion, "specversion"},
		{"two ids", func(h map[string][]string) { h["ce-id"] = []string{"a", "b"} }, feedback.CodeDuplicateKey, "id"},
		{"two ids by case", func(h map[string][]string) { h["CE-ID"] = []string{"b"} }, feedback.CodeDuplicateKey, "id"},
		{"id with a space", func(h map[string][]string) { h["ce-id"] = []string{"a%20b"} }, feedback.CodeAttribute, "id"},
		{"id cut off in an escape", func(h map[string][]string) { h["ce-id"] = []string{"a%2"} }, feedback.CodeAttribute, "id"},
		{"empty subject", func(h map[string][]string) { h["ce-subject"] = []string{""} }, feedback.CodeAttribute, "subject"},
		{"time without a zone", func(h map[string][]string) { h["ce-time"] = []string{"2024-01-02T03:04:05"} }, feedback.CodeAttribute, "time"},
		{"unreadable consent", func(h map[string][]string) { h["ce-consent"] = []string{"yes"} }, feedback.CodeConsentUnreadable, "consent"},
		{"empty consent", func(h map[string][]string) { h["ce-consent"] = []string{""} }, feedback.CodeConsentUnreadable, "consent"},
		{"data that is not JSON", func(h map[string][]string) { h["ce-datacontenttype"] = []string{"text/plain"} }, feedback.CodeMediaType, "datacontenttype"},
		{"consent none beside another fault", func(h map[string][]string) { delete(h, "ce-id"); h["ce-consent"] = []string{"none"} }, feedback.CodeConsentRefused, "consent"},
		{"consent both ways", func(h map[string][]string) { h["ce-consent"] = []string{"none", "learn"} }, feedback.CodeConsentRefused, "consent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := good()
			tc.change(h)
			_, err := feedback.FromHeaders(h, nil)
			requireRefusal(t, err, tc.code, tc.field)
		})
	}
}

func TestParseJSONRefusals(t *testing.T) {
	with := func(members string) string {
		return `{"specversion":"1.0","id":"e","source":"/app","type":"perennial.tick.v1"` + members + `}`
	}
	for _, tc := range []struct {
		name, body string
		code       feedback.Code
		field      string
	}{
		{"nothing", ``, feedback.CodeMalformed, "event"},
		{"an array", `[]`, feedback.CodeWrongType, "event"},
		{"cut off", with(`,"x":1`)[:30], feedback.CodeMalformed, "event"},
		{"cut off at the end", strings.TrimSuffix(with(``), "}"), feedback.CodeMalformed, "event"},
		{"followed by more", with(``) + "{}", feedback.CodeMalformed, "event"},
		{"id that is a number", `{"specversion":"1.0","id":1,"source":"/app","type":"t"}`, feedback.CodeWrongType, "id"},
		{"id twice", with(`,"id":"f"`), feedback.CodeDuplicateKey, "id"},
		{"extension twice", with(`,"ext":1,"ext":2`), feedback.CodeDuplicateKey, "ext"},
		{"attribute in another case", with(`,"Subject":"p"`), feedback.CodeAttribute, "Subject"},
		{"extension that is an object", with(`,"ext":{}`), feedback.CodeAttribute, "ext"},
		{"data twice", with(`,"data":{},"data_base64":"e30="`), feedback.CodeDuplicateKey, "data_base64"},
		{"not base64", with(`,"data_base64":"e30"`), feedback.CodeAttribute, "data_base64"},
		{"consent that is no text", with(`,"consent":true`), feedback.CodeConsentUnreadable, "consent"},
		{"consent none behind a fault", `{"id":7,"consent":"none"}`, feedback.CodeConsentRefused, "consent"},
		{"nested too deeply", with(`,"data":` + strings.Repeat("[", 20) + strings.Repeat("]", 20)), feedback.CodeTooDeep, "event"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := feedback.ParseJSON([]byte(tc.body))
			requireRefusal(t, err, tc.code, tc.field)
		})
	}
	e, err := feedback.ParseJSON([]byte(with(`,"subject":null,"consent":null,"data_base64":"e30="`)))
	require.NoError(t, err, "null stands for an absent attribute")
	require.Equal(t, "{}", string(e.Data))
}

func TestParseHTTPModes(t *testing.T) {
	want := fullEvent()
	structured, err := json.Marshal(want)
	require.NoError(t, err)
	binary := http.Header{"Content-Type": {"application/json"}}
	for k, v := range want.Headers() {
		binary[http.CanonicalHeaderKey(k)] = v
	}
	for _, tc := range []struct {
		name   string
		header http.Header
		body   string
	}{
		{"structured", http.Header{"Content-Type": {"application/cloudevents+json; charset=UTF-8"}}, string(structured)},
		{"batched", http.Header{"Content-Type": {feedback.MediaBatch}}, " [" + string(structured) + "] "},
		{"binary", binary, string(want.Data)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := feedback.ParseHTTP(tc.header, []byte(tc.body))
			require.NoError(t, err)
			require.Equal(t, []feedback.Parsed{{Event: want}}, got)
		})
	}
}

func TestOneBadEventDoesNotSinkItsBatch(t *testing.T) {
	good, err := json.Marshal(fullEvent())
	require.NoError(t, err)
	bad := []string{
		`{}`, `7`, `null`, `{"specversion":"1.0","id":"\ud800","source":"/a","type":"t"}`, "{\"id\":\"\xff\"}", `{"id":"\q"}`,
		`{"id":1}`, `{"data":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, `{"consent":"none"}`, `{"id":"a","id":"b"}`,
	}
	body := "[" + string(good)
	for _, b := range bad {
		body += "," + b + "," + string(good)
	}
	got, err := feedback.ParseHTTP(http.Header{"Content-Type": {feedback.MediaBatch}}, []byte(body+"]"))
	require.NoError(t, err)
	require.Len(t, got, 1+2*len(bad))
	for i, p := range got {
		require.Equal(t, i, p.Index)
		if i%2 == 0 {
			require.Nil(t, p.Refusal)
			require.Equal(t, fullEvent(), p.Event)
		} else {
			require.NotNil(t, p.Refusal, bad[i/2])
		}
	}
}

func TestParseHTTPRefusesWhatIsNoEvent(t *testing.T) {
	for _, tc := range []struct {
		name, contentType, body string
		code                    feedback.Code
		field                   string
	}{
		{"plain JSON without attributes", "application/json", `{}`, feedback.CodeMediaType, "content-type"},
		{"no content type", "", `{}`, feedback.CodeMediaType, "content-type"},
		{"not a media type", "a/b/c", `{}`, feedback.CodeMediaType, "content-type"},
		{"another event format", "application/cloudevents+avro", `{}`, feedback.CodeMediaType, "content-type"},
		{"another charset", feedback.MediaEvent + "; charset=latin1", `{}`, feedback.CodeMediaType, "content-type"},
		{"batch that is no array", feedback.MediaBatch, `{}`, feedback.CodeWrongType, "batch"},
		{"batch cut off", feedback.MediaBatch, `[{}`, feedback.CodeMalformed, "batch"},
		{"batch followed by more", feedback.MediaBatch, `[]]`, feedback.CodeMalformed, "batch"},
		{"too many events", feedback.MediaBatch, `[1` + strings.Repeat(",1", feedback.MaxBatch) + `]`, feedback.CodeTooMany, "batch"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := feedback.ParseHTTP(http.Header{"Content-Type": {tc.contentType}}, []byte(tc.body))
			requireRefusal(t, err, tc.code, tc.field)
		})
	}
	got, err := feedback.ParseHTTP(http.Header{"Content-Type": {feedback.MediaBatch}}, []byte(`[]`))
	require.NoError(t, err, "an empty batch is a batch")
	require.Empty(t, got)
}

// requireSameEvent holds an Event against the CloudEvents SDK's reading of it.
func requireSameEvent(t testing.TB, want sdk.Event, got feedback.Event) {
	t.Helper()
	require.Equal(t, want.SpecVersion(), feedback.SpecVersion)
	require.Equal(t, want.ID(), got.ID)
	require.Equal(t, want.Source(), got.Source)
	require.Equal(t, want.Type(), got.Type)
	require.Equal(t, want.Subject(), got.Subject)
	require.True(t, want.Time().Equal(got.Time))
	consent, _ := want.Extensions()["consent"].(string)
	require.Equal(t, consent, got.Consent.String())
	if len(want.Data()) == 0 {
		require.Empty(t, got.Data)
		return
	}
	require.JSONEq(t, string(want.Data()), string(got.Data))
}

func TestEnvelopeAgreesWithTheSDK(t *testing.T) {
	for _, body := range []string{
		`{"specversion":"1.0","id":"e","source":"/app","type":"perennial.tick.v1"}`,
		`{"type":"perennial.feedback.v1","data":{"a":[1,"\u00fc"]},"source":"urn:app:1","id":"e","time":"2024-01-02T03:04:05.6+02:00","specversion":"1.0"}`,
		`{"specversion":"1.0","id":"e","source":"/app","type":"t","subject":"p","consent":"measure","datacontenttype":"application/json","data":{}}`,
		`{"specversion":"1.0","id":"e","source":"/app","type":"t","datacontenttype":"application/json","data_base64":"eyJhIjoxfQ=="}`,
		`{"specversion":"1.0","id":"e\/1","source":"/app","type":"t","traceparent":"00-1","sampled":true,"n":-5}`,
	} {
		var want sdk.Event
		require.NoError(t, json.Unmarshal([]byte(body), &want), body)
		require.NoError(t, want.Validate())
		got, err := feedback.ParseJSON([]byte(body))
		require.NoError(t, err, body)
		requireSameEvent(t, want, got)
	}
	written, err := json.Marshal(fullEvent())
	require.NoError(t, err)
	var read sdk.Event
	require.NoError(t, json.Unmarshal(written, &read))
	require.NoError(t, read.Validate(), "what MarshalJSON writes, the SDK takes")
	requireSameEvent(t, read, fullEvent())
}
