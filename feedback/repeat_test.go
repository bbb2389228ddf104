package feedback_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
)

// A header map keeps the case of its names, and Go walks it in another order each time.
// What a record says must not hang on that: the learner decodes it again at each replay.
func TestDecodingARecordIsAFunctionOfTheRecord(t *testing.T) {
	good := func() map[string][]string {
		return map[string][]string{
			"ce-specversion": {"1.0"}, "ce-id": {"e"}, "ce-source": {"/app"},
			"ce-type": {feedback.TypeFeedback}, "ce-consent": {"learn"},
		}
	}
	decoder := newDecoder(t, nil)
	type outcome struct {
		event feedback.Event
		code  feedback.Code
		text  string
		keep  bool
	}
	read := func(h map[string][]string) outcome {
		e, err := feedback.FromHeaders(h, []byte(`{"prediction_id":"p","signal":{"kind":"click"}}`))
		if err == nil {
			_, err = decoder.Decode(e)
		}
		var r *feedback.Refusal
		require.ErrorAs(t, err, &r)
		return outcome{e, r.Code, r.Error(), decoder.MayKeep(e, r)}
	}
	for _, tc := range []struct {
		name   string
		second map[string][]string
		code   feedback.Code
		keep   bool
	}{
		{"consent that cannot be read beside one that can", map[string][]string{"Ce-Consent": {"yes"}}, feedback.CodeConsentUnreadable, false},
		{"consent that is no text beside one that is", map[string][]string{"Ce-Consent": {"%zz"}}, feedback.CodeConsentUnreadable, false},
		{"two levels of consent", map[string][]string{"CE-CONSENT": {"measure"}}, feedback.CodeConsentUnreadable, false},
		{"one consent said twice", map[string][]string{"CE-CONSENT": {"learn"}}, feedback.CodeConsentUnreadable, false},
		{"none beside learn", map[string][]string{"Ce-consent": {"none"}}, feedback.CodeConsentRefused, false},
		{"none among three", map[string][]string{"Ce-Consent": {"none"}, "CE-CONSENT": {"yes"}}, feedback.CodeConsentRefused, false},
		{"none first of many", map[string][]string{"CE-CONSENT": {"none", "learn"}, "Ce-Consent": {"measure", "?"}}, feedback.CodeConsentRefused, false},
		{"two ids", map[string][]string{"Ce-Id": {"f"}, "CE-ID": {"g"}}, feedback.CodeDuplicateKey, true},
		{"two ids, one of them no text", map[string][]string{"Ce-Id": {"%zz"}}, feedback.CodeAttribute, true},
		{"two types", map[string][]string{"Ce-Type": {feedback.TypeTick}}, feedback.CodeDuplicateKey, true},
		{"two times, one of them no time", map[string][]string{"ce-time": {"x"}, "Ce-Time": {"2024-01-02T03:04:05Z"}}, feedback.CodeDuplicateKey, true},
		{"two of everything", map[string][]string{"CE-id": {"f"}, "CE-type": {"t"}, "CE-source": {""}, "CE-consent": {"?"}}, feedback.CodeConsentUnreadable, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := good()
			for k, v := range tc.second {
				h[k] = v
			}
			first := read(h)
			require.Equal(t, tc.code, first.code, first.text)
			require.Equal(t, tc.keep, first.keep)
			for range 200 {
				again := map[string][]string{}
				for k, v := range h {
					again[k] = v
				}
				require.Equal(t, first, read(again))
			}
		})
	}
}

func TestAConsentThatIsRepeatedInJSON(t *testing.T) {
	for members, want := range map[string]feedback.Code{
		`"consent":"learn","consent":"learn"`: feedback.CodeConsentUnreadable,
		`"consent":7,"consent":"learn"`:       feedback.CodeConsentUnreadable,
		`"consent":"yes","consent":"measure"`: feedback.CodeConsentUnreadable,
		`"consent":"learn","consent":"none"`:  feedback.CodeConsentRefused,
		`"consent":"none","consent":7`:        feedback.CodeConsentRefused,
		`"consent":true,"consent":"none"`:     feedback.CodeConsentRefused,
	} {
		_, err := feedback.ParseJSON([]byte(`{"specversion":"1.0","id":"e","source":"/app","type":"perennial.tick.v1",` + members + `}`))
		requireRefusal(t, err, want, "consent")
	}
}

func TestASchemaIsFoundByEitherOfItsNames(t *testing.T) {
	plain, err := feedback.Schema("signal.click")
	require.NoError(t, err)
	listed, err := feedback.Schema("signal.click.json")
	require.NoError(t, err)
	require.NotEmpty(t, plain)
	require.Equal(t, plain, listed)
}
