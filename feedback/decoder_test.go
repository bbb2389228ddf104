package feedback_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/stretchr/testify/require"
)

const goodFeatures = `{"age":50,"city":"Graz","emb":[1,2]}`

func TestDecodePredictionKeepsEverything(t *testing.T) {
	d := newDecoder(t, nil)
	e := event(feedback.TypePrediction, `{"prediction_id":"p","features":`+goodFeatures+`,"outputs":[0.25],"model_version":7,
		"channel":"candidate","segments":{"country":"at"},"flags":{"ui":"new"},"propensity":0.5}`)
	e.Time = time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC)
	rec, err := d.Decode(e)
	require.NoError(t, err)
	half := 0.5
	require.Equal(t, &feedback.Prediction{
		ID: "p", Features: json.RawMessage(goodFeatures), Outputs: []float64{0.25}, Version: 7, Channel: "candidate",
		Segments: map[string]string{"country": "at"}, Flags: map[string]string{"ui": "new"}, Propensity: &half,
	}, rec.Prediction)
	require.Equal(t, []float32{1, 1, 2}, rec.Row.Dense)
	require.Len(t, rec.Row.Categories, 1)
	require.Equal(t, feedback.ConsentLearn, rec.Consent, "unset takes the default")
	require.Equal(t, e.Time, rec.Time)
	require.Nil(t, rec.Feedback)
	require.Nil(t, rec.Control)
}

func TestRecordSharesNoMemoryWithTheEvent(t *testing.T) {
	d := newDecoder(t, nil)
	e := event(feedback.TypeFeedback, `{"features":`+goodFeatures+`,"segments":{"country":"at"},"signal":{"kind":"label","value":1}}`)
	rec, err := d.Decode(e)
	require.NoError(t, err)
	for i := range e.Data {
		e.Data[i] = '#'
	}
	require.Nil(t, rec.Data)
	require.Equal(t, goodFeatures, string(rec.Feedback.Features))
	require.Equal(t, map[string]string{"country": "at"}, rec.Feedback.Segments)
	require.Equal(t, feedback.Label, rec.Feedback.Signal.Kind)
}

func TestDecodeConsent(t *testing.T) {
	const click = `{"prediction_id":"p","signal":{"kind":"click"}}`
	learning := newDecoder(t, nil)
	refusing := newDecoder(t, func(c *feedback.DecoderConfig) { c.DefaultConsent = feedback.ConsentNone })
	for _, tc := range []struct {
		name    string
		d       *feedback.Decoder
		consent feedback.Consent
		data    string
		want    feedback.Consent
		code    feedback.Code
	}{
		{"learn", refusing, feedback.ConsentLearn, click, feedback.ConsentLearn, ""},
		{"measure is kept as such", learning, feedback.ConsentMeasure, click, feedback.ConsentMeasure, ""},
		{"unset takes the default", learning, feedback.ConsentUnset, click, feedback.ConsentLearn, ""},
		{"none", learning, feedback.ConsentNone, click, 0, feedback.CodeConsentRefused},
		{"none by default", refusing, feedback.ConsentUnset, click, 0, feedback.CodeConsentRefused},
		{"none comes before any other fault", learning, feedback.ConsentNone, `{`, 0, feedback.CodeConsentRefused},
		{"no such consent", learning, 9, click, 0, feedback.CodeConsentUnreadable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := event(feedback.TypeFeedback, tc.data)
			e.Consent = tc.consent
			rec, err := tc.d.Decode(e)
			if tc.code == "" {
				require.NoError(t, err)
				require.Equal(t, tc.want, rec.Consent)
				return
			}
			requireRefusal(t, err, tc.code, "consent")
			var r *feedback.Refusal
			require.ErrorAs(t, err, &r)
			require.False(t, tc.d.MayKeep(e, r), "nothing of it may be kept")
		})
	}
	tick := feedback.NewTick("t", "/loop")
	_, err := refusing.Decode(tick)
	require.NoError(t, err, "a tick is about nobody")
}

func TestMayKeepADeadLetter(t *testing.T) {
	learning := newDecoder(t, nil)
	refusing := newDecoder(t, func(c *feedback.DecoderConfig) { c.DefaultConsent = feedback.ConsentNone })
	e, err := feedback.FromHeaders(map[string][]string{"ce-type": {feedback.TypeFeedback}}, []byte(`{}`))
	requireRefusal(t, err, feedback.CodeSpecVersion, "specversion")
	r := err.(*feedback.Refusal)
	require.True(t, learning.MayKeep(e, r))
	require.False(t, refusing.MayKeep(e, r), "silence means no")
}

func TestDecodeRefusals(t *testing.T) {
	prediction := func(fields string) string {
		return `{"prediction_id":"p","features":` + goodFeatures + `,"model_version":7,"channel":"stable",` + fields + `}`
	}
	signal := func(fields string) string { return `{"prediction_id":"p","signal":{` + fields + `}}` }
	binary := newDecoder(t, nil)
	multiclass := newDecoder(t, func(c *feedback.DecoderConfig) { c.Task, c.Classes = feedback.TaskMulticlass, 3 })
	regression := newDecoder(t, func(c *feedback.DecoderConfig) { c.Task = feedback.TaskRegression })
	small := newDecoder(t, func(c *feedback.DecoderConfig) { c.MaxBytes = 64 })

	for _, tc := range []struct {
		name       string
		d          *feedback.Decoder
		kind, data string
		code       feedback.Code
		field      string
	}{
		{"empty payload", binary, feedback.TypeFeedback, ``, feedback.CodeMalformed, "data"},
		{"payload null", binary, feedback.TypeFeedback, `null`, feedback.CodeWrongType, "data"},
		{"cut off", binary, feedback.TypeFeedback, `{"prediction_id":"p"`, feedback.CodeMalformed, "data"},
		{"followed by more", binary, feedback.TypeFeedback, signal(`"kind":"click"`) + `{}`, feedback.CodeMalformed, "data"},
		{"too large", small, feedback.TypeFeedback, signal(`"kind":"click"` + strings.Repeat(" ", 64)), feedback.CodeTooLarge, "data"},
		{"too deep", binary, feedback.TypeFeedback, `{"features":{"x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}}`, feedback.CodeTooDeep, "data.features"},
		{"unknown type", binary, "perennial.applause.v1", `{}`, feedback.CodeUnknownType, "type"},
		{"unknown field", binary, feedback.TypeFeedback, `{"predictionId":"p"}`, feedback.CodeUnknownField, "data.predictionId"},
		{"unknown field of a signal", binary, feedback.TypeFeedback, signal(`"kind":"click","weight":2`), feedback.CodeUnknownField, "data.signal.weight"},
		{"key in another case", binary, feedback.TypeFeedback, `{"Signal":{}}`, feedback.CodeUnknownField, "data.Signal"},
		{"duplicate key", binary, feedback.TypeFeedback, `{"prediction_id":"p","prediction_id":"q"}`, feedback.CodeDuplicateKey, "data.prediction_id"},
		{"duplicate key behind an escape", binary, feedback.TypeFeedback, signal(`"kind":"click","\u006bind":"skip"`), feedback.CodeDuplicateKey, "data.signal.kind"},
		{"null for a value", binary, feedback.TypeFeedback, signal(`"kind":"conversion","value":null`), feedback.CodeWrongType, "data.signal.value"},

		{"prediction without an id", binary, feedback.TypePrediction, `{"features":{},"outputs":[0.5],"model_version":1,"channel":"stable"}`, feedback.CodeMissingField, "data.prediction_id"},
		{"prediction without outputs", binary, feedback.TypePrediction, prediction(`"flags":{}`), feedback.CodeMissingField, "data.outputs"},
		{"two outputs, binary", binary, feedback.TypePrediction, prediction(`"outputs":[0.5,0.5]`), feedback.CodeOutOfRange, "data.outputs"},
		{"no output", binary, feedback.TypePrediction, prediction(`"outputs":[]`), feedback.CodeOutOfRange, "data.outputs"},
		{"probability above 1", binary, feedback.TypePrediction, prediction(`"outputs":[1.01]`), feedback.CodeOutOfRange, "data.outputs"},
		{"output that overflows", regression, feedback.TypePrediction, prediction(`"outputs":[1e999]`), feedback.CodeOutOfRange, "data.outputs"},
		{"a class short", multiclass, feedback.TypePrediction, prediction(`"outputs":[0.5,0.5]`), feedback.CodeOutOfRange, "data.outputs"},
		{"probabilities that do not add up", multiclass, feedback.TypePrediction, prediction(`"outputs":[0.5,0.5,0.5]`), feedback.CodeOutOfRange, "data.outputs"},
		{"channel outside the list", binary, feedback.TypePrediction, `{"channel":"beta"}`, feedback.CodeUnknownKind, "data.channel"},
		{"version below 0", binary, feedback.TypePrediction, `{"model_version":-1}`, feedback.CodeOutOfRange, "data.model_version"},
		{"propensity 0", binary, feedback.TypePrediction, prediction(`"outputs":[0.5],"propensity":0`), feedback.CodeOutOfRange, "data.propensity"},
		{"propensity above 1", binary, feedback.TypePrediction, prediction(`"outputs":[0.5],"propensity":1.5`), feedback.CodeOutOfRange, "data.propensity"},
		{"segment that is no text", binary, feedback.TypePrediction, prediction(`"outputs":[0.5],"segments":{"country":1}`), feedback.CodeWrongType, "data.segments.country"},
		{"segment key with =", binary, feedback.TypePrediction, prediction(`"outputs":[0.5],"segments":{"a=b":"c"}`), feedback.CodeOutOfRange, "data.segments.a=b"},
		{"flag twice", binary, feedback.TypePrediction, prediction(`"outputs":[0.5],"flags":{"a":"b","a":"b"}`), feedback.CodeDuplicateKey, "data.flags.a"},
		{"unknown feature", binary, feedback.TypePrediction, `{"prediction_id":"p","features":{"shoe":1},"outputs":[0.5],"model_version":1,"channel":"stable"}`, feedback.CodeFeatureUnknown, "data.features.shoe"},
		{"missing feature", binary, feedback.TypePrediction, `{"prediction_id":"p","features":{},"outputs":[0.5],"model_version":1,"channel":"stable"}`, feedback.CodeFeatureMissing, "data.features.age"},
		{"feature that overflows", binary, feedback.TypeFeedback, `{"features":{"age":1e999},"signal":{"kind":"click"}}`, feedback.CodeFeatureInvalid, "data.features.age"},
		{"feature twice", binary, feedback.TypeFeedback, `{"features":{"age":1,"age":2},"signal":{"kind":"click"}}`, feedback.CodeDuplicateKey, "data.features.age"},

		{"neither signal nor operation", binary, feedback.TypeFeedback, `{"prediction_id":"p"}`, feedback.CodeMissingField, "data.signal"},
		{"signal about nothing", binary, feedback.TypeFeedback, `{"signal":{"kind":"click"}}`, feedback.CodeMissingField, "data.prediction_id"},
		{"features of a later time", binary, feedback.TypeFeedback, `{"prediction_id":"p","features":` + goodFeatures + `,"signal":{"kind":"click"}}`, feedback.CodeLeakage, "data.features"},
		{"features of a later time, invalid ones", binary, feedback.TypeFeedback, `{"features":{"shoe":1},"prediction_id":"p","signal":{"kind":"click"}}`, feedback.CodeLeakage, "data.features"},
		{"features beside an operation", binary, feedback.TypeFeedback, `{"features":` + goodFeatures + `,"operation":{"kind":"withdraw","event_id":"e-0"}}`, feedback.CodeLeakage, "data.features"},
		{"segments of a later time", binary, feedback.TypeFeedback, `{"prediction_id":"p","segments":{},"signal":{"kind":"click"}}`, feedback.CodeConflict, "data.segments"},
		{"correctness of nothing served", binary, feedback.TypeFeedback, `{"features":` + goodFeatures + `,"signal":{"kind":"correctness","correct":true}}`, feedback.CodeMissingField, "data.prediction_id"},
		{"preference over itself", binary, feedback.TypeFeedback, signal(`"kind":"preference","over":"p"`), feedback.CodeConflict, "data.signal.over"},
		{"preference over nothing", binary, feedback.TypeFeedback, signal(`"kind":"preference"`), feedback.CodeMissingField, "data.signal.over"},
		{"kind outside the taxonomy", binary, feedback.TypeFeedback, signal(`"kind":"applause"`), feedback.CodeUnknownKind, "data.signal.kind"},
		{"signal without a kind", binary, feedback.TypeFeedback, signal(`"value":1`), feedback.CodeMissingField, "data.signal.kind"},
		{"click with a value", binary, feedback.TypeFeedback, signal(`"kind":"click","value":1`), feedback.CodeConflict, "data.signal.value"},
		{"confidence beside an outcome", binary, feedback.TypeFeedback, signal(`"kind":"label","value":1,"confidence":1`), feedback.CodeConflict, "data.signal.confidence"},
		{"confidence above 1", binary, feedback.TypeFeedback, signal(`"kind":"correction","value":1,"confidence":1.1`), feedback.CodeOutOfRange, "data.signal.confidence"},
		{"soft label, binary", binary, feedback.TypeFeedback, signal(`"kind":"label","value":0.5`), feedback.CodeOutOfRange, "data.signal.value"},
		{"class beyond the last", multiclass, feedback.TypeFeedback, signal(`"kind":"label","value":3`), feedback.CodeOutOfRange, "data.signal.value"},
		{"half a class", multiclass, feedback.TypeFeedback, signal(`"kind":"correction","value":1.5`), feedback.CodeOutOfRange, "data.signal.value"},
		{"value that no float32 holds", regression, feedback.TypeFeedback, signal(`"kind":"label","value":1e39`), feedback.CodeOutOfRange, "data.signal.value"},
		{"rating off the scale", binary, feedback.TypeFeedback, signal(`"kind":"rating","value":5.5`), feedback.CodeOutOfRange, "data.signal.value"},
		{"dwell below 0", binary, feedback.TypeFeedback, signal(`"kind":"dwell","value":-1`), feedback.CodeOutOfRange, "data.signal.value"},
		{"id with a space", binary, feedback.TypeFeedback, `{"prediction_id":"p q"}`, feedback.CodeOutOfRange, "data.prediction_id"},
		{"id too long", binary, feedback.TypeFeedback, `{"prediction_id":"` + strings.Repeat("p", 257) + `"}`, feedback.CodeOutOfRange, "data.prediction_id"},

		{"operation outside the list", binary, feedback.TypeFeedback, `{"operation":{"kind":"erase","event_id":"e-0"}}`, feedback.CodeUnknownKind, "data.operation.kind"},
		{"amend without what is right", binary, feedback.TypeFeedback, `{"operation":{"kind":"amend","event_id":"e-0"}}`, feedback.CodeMissingField, "data.signal"},
		{"amend of a prediction", binary, feedback.TypeFeedback, `{"prediction_id":"p","signal":{"kind":"click"},"operation":{"kind":"amend"}}`, feedback.CodeMissingField, "data.operation.event_id"},
		{"withdraw with a signal", binary, feedback.TypeFeedback, `{"signal":{"kind":"click"},"operation":{"kind":"withdraw","event_id":"e-0"}}`, feedback.CodeConflict, "data.signal"},
		{"withdraw of both", binary, feedback.TypeFeedback, `{"prediction_id":"p","operation":{"kind":"withdraw","event_id":"e-0"}}`, feedback.CodeConflict, "data.prediction_id"},
		{"withdraw of nothing", binary, feedback.TypeFeedback, `{"operation":{"kind":"withdraw"}}`, feedback.CodeMissingField, "data.operation.event_id"},
		{"withdraw of itself", binary, feedback.TypeFeedback, `{"operation":{"kind":"withdraw","event_id":"e-1"}}`, feedback.CodeConflict, "data.operation.event_id"},

		{"control without an action", binary, feedback.TypeControl, `{}`, feedback.CodeMissingField, "data.action"},
		{"action outside the list", binary, feedback.TypeControl, `{"action":"explode"}`, feedback.CodeUnknownKind, "data.action"},
		{"rollback to nowhere", binary, feedback.TypeControl, `{"action":"rollback"}`, feedback.CodeMissingField, "data.version"},
		{"digest of another kind", binary, feedback.TypeControl, `{"action":"pin","digest":"md5:00"}`, feedback.CodeOutOfRange, "data.digest"},
		{"promote of the learner", binary, feedback.TypeControl, `{"action":"promote","learner":true}`, feedback.CodeConflict, "data.learner"},
		{"tick with a payload", binary, feedback.TypeTick, `{"now":1}`, feedback.CodeUnknownField, "data.now"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec, err := tc.d.Decode(event(tc.kind, tc.data))
			requireRefusal(t, err, tc.code, tc.field)
			require.Nil(t, rec)
		})
	}
}

func TestDecodeRefusesBadAttributes(t *testing.T) {
	d := newDecoder(t, nil)
	for field, change := range map[string]func(*feedback.Event){
		"id":      func(e *feedback.Event) { e.ID = "" },
		"source":  func(e *feedback.Event) { e.Source = "a b" },
		"subject": func(e *feedback.Event) { e.Subject = strings.Repeat("s", 257) },
		"time":    func(e *feedback.Event) { e.Time = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		e := event(feedback.TypeFeedback, `{"prediction_id":"p","signal":{"kind":"click"}}`)
		change(&e)
		_, err := d.Decode(e)
		requireRefusal(t, err, feedback.CodeAttribute, field)
	}
}

func TestDecodeLabelsAtTheEdges(t *testing.T) {
	multiclass := newDecoder(t, func(c *feedback.DecoderConfig) { c.Task, c.Classes = feedback.TaskMulticlass, 3 })
	for _, value := range []string{"0", "2", "2.0"} {
		_, err := multiclass.Decode(event(feedback.TypeFeedback, `{"prediction_id":"p","signal":{"kind":"label","value":`+value+`}}`))
		require.NoError(t, err)
	}
	rec, err := multiclass.Decode(event(feedback.TypePrediction,
		`{"prediction_id":"p","features":`+goodFeatures+`,"outputs":[0.333,0.333,0.333],"model_version":0,"channel":"stable"}`))
	require.NoError(t, err, "rounding must not refuse a distribution")
	require.Len(t, rec.Prediction.Outputs, 3)
}

func TestLabelsAndPredictionsMayHaveTheClassesThatAModelMayGrowTo(t *testing.T) {
	d := newDecoder(t, func(c *feedback.DecoderConfig) {
		c.Task, c.Classes, c.MaxClasses = feedback.TaskMulticlass, 2, 4
	})
	label := func(value string) error {
		_, err := d.Decode(event(feedback.TypeFeedback, `{"prediction_id":"p","signal":{"kind":"label","value":`+value+`}}`))
		return err
	}
	require.NoError(t, label("3"))
	requireRefusal(t, label("4"), feedback.CodeOutOfRange, "data.signal.value")
	for outputs, ok := range map[string]bool{
		"[1]": false, "[0.5,0.5]": true, "[0.25,0.25,0.25,0.25]": true, "[0.2,0.2,0.2,0.2,0.2]": false,
	} {
		_, err := d.Decode(event(feedback.TypePrediction,
			`{"prediction_id":"p","features":`+goodFeatures+`,"outputs":`+outputs+`,"model_version":0,"channel":"stable"}`))
		if ok {
			require.NoError(t, err, outputs)
		} else {
			requireRefusal(t, err, feedback.CodeOutOfRange, "data.outputs")
		}
	}
}

func TestDecodeIsPureUnderConcurrency(t *testing.T) {
	d := newDecoder(t, func(c *feedback.DecoderConfig) { c.Dictionary = numericDictionary(t, 16) })
	e := event(feedback.TypeFeedback, wideFeedback())
	want, err := d.Decode(e)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				got, err := d.Decode(e)
				if err != nil || got.Row.Dense[15] != want.Row.Dense[15] || *got.Feedback.Signal.Value != 1 {
					t.Errorf("decoded %+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestNewDecoderNamesFieldAndRule(t *testing.T) {
	for want, change := range map[string]func(*feedback.DecoderConfig){
		"dictionary: must be set":      func(c *feedback.DecoderConfig) { c.Dictionary = nil },
		"default_consent: must be":     func(c *feedback.DecoderConfig) { c.DefaultConsent = feedback.ConsentUnset },
		"task: must be":                func(c *feedback.DecoderConfig) { c.Task = "ranking" },
		"classes: must be 2":           func(c *feedback.DecoderConfig) { c.Task = feedback.TaskMulticlass },
		"classes: must be absent":      func(c *feedback.DecoderConfig) { c.Classes = 3 },
		"max_classes: must be absent":  func(c *feedback.DecoderConfig) { c.MaxClasses = 3 },
		"max_classes: must be classes": func(c *feedback.DecoderConfig) { c.Task, c.Classes, c.MaxClasses = feedback.TaskMulticlass, 3, 2 },
		"rating: must be":              func(c *feedback.DecoderConfig) { c.Rating = feedback.Scale{Min: 5, Max: 1} },
		"max_bytes: must be 1 to 8388": func(c *feedback.DecoderConfig) { c.MaxBytes = -1 },
	} {
		c := feedback.DecoderConfig{Dictionary: mixedDictionary(t), DefaultConsent: feedback.ConsentLearn, Task: feedback.TaskBinary}
		change(&c)
		_, err := feedback.NewDecoder(c)
		require.ErrorContains(t, err, want)
	}
}
