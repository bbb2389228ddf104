package feedback_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// schemaSet compiles the embedded schemas, without any other source.
type schemaSet struct{ compiled map[string]*jsonschema.Schema }

func compileSchemas(t testing.TB) schemaSet {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	names, err := fs.Glob(feedback.Schemas(), "*.json")
	require.NoError(t, err)
	require.Greater(t, len(names), 17)
	for _, name := range names {
		text, err := fs.ReadFile(feedback.Schemas(), name)
		require.NoError(t, err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err, name)
		require.NoError(t, c.AddResource(feedback.SchemaBase+name, doc))
	}
	set := schemaSet{compiled: map[string]*jsonschema.Schema{}}
	for _, name := range names {
		s, err := c.Compile(feedback.SchemaBase + name)
		require.NoError(t, err, name)
		set.compiled[strings.TrimSuffix(name, ".json")] = s
	}
	return set
}

func (s schemaSet) check(name, text string) error {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.compiled[name].Validate(doc)
}

// schemaDecoder refuses as little as possible for reasons of its configuration:
// what it refuses beyond that, the schemas refuse too.
func schemaDecoder(t testing.TB) *feedback.Decoder {
	dictionary, err := feature.New(feature.Config{
		Unknown:  feature.Ignore,
		Features: []feature.Feature{{Name: "x", Kind: feature.Numeric, Missing: feature.Default, Invalid: feature.Default, Beyond: feature.Default}},
	})
	require.NoError(t, err)
	return newDecoder(t, func(c *feedback.DecoderConfig) {
		c.Dictionary = dictionary
		c.Task = feedback.TaskRegression
		c.Rating = feedback.Scale{Min: -math.MaxFloat32, Max: math.MaxFloat32}
	})
}

// beyondSchema lists what the decoder refuses and JSON Schema cannot express, or
// cannot know. docs/format/events.md lists the same.
func beyondSchema(r *feedback.Refusal) bool {
	switch r.Code {
	case feedback.CodeDuplicateKey, feedback.CodeTooLarge, feedback.CodeTooDeep:
		return true
	case feedback.CodeConflict: // two fields that must differ
		return r.Field == "data.signal.over" || r.Field == "data.operation.event_id"
	case feedback.CodeOutOfRange: // one output; the number of classes is configuration
		return r.Field == "data.outputs"
	case feedback.CodeMalformed: // encoding/json mends halves of surrogate pairs
		return strings.Contains(r.Rule, "surrogate")
	}
	return false
}

func requireAgreement(t testing.TB, schema, decoder error, text string) {
	t.Helper()
	if schema != nil {
		require.Error(t, decoder, "the schema refuses what the decoder takes: %s\n%v", text, schema)
		return
	}
	var r *feedback.Refusal
	if decoder != nil {
		require.ErrorAs(t, decoder, &r)
		require.True(t, beyondSchema(r), "the decoder refuses what the schema takes: %s\n%v", text, r)
	}
}

// payloads are good payloads by type; the generator starts from them.
func payloads() map[string][]string {
	return map[string][]string{
		"prediction": {
			`{"prediction_id":"p","features":{"x":1},"outputs":[0.25],"model_version":7,"channel":"stable"}`,
			`{"prediction_id":"p","features":{},"outputs":[-3e5],"model_version":0,"channel":"shadow","segments":{"country":"at"},"flags":{"new-ui":"on"},"propensity":0.5}`,
		},
		"feedback": {
			`{"prediction_id":"p","signal":{"kind":"correctness","correct":false,"confidence":0.5}}`,
			`{"prediction_id":"p","signal":{"kind":"correction","value":1}}`,
			`{"prediction_id":"p","signal":{"kind":"rating","value":4,"confidence":1}}`,
			`{"prediction_id":"p","signal":{"kind":"preference","over":"q"}}`,
			`{"prediction_id":"p","signal":{"kind":"click"}}`,
			`{"prediction_id":"p","signal":{"kind":"skip"}}`,
			`{"prediction_id":"p","signal":{"kind":"dwell","value":12.5}}`,
			`{"prediction_id":"p","signal":{"kind":"conversion","value":99.9}}`,
			`{"prediction_id":"p","signal":{"kind":"conversion"}}`,
			`{"prediction_id":"p","signal":{"kind":"task_completion","correct":true}}`,
			`{"features":{"x":2},"segments":{"country":"at"},"signal":{"kind":"label","value":0}}`,
			`{"signal":{"kind":"label","value":0},"operation":{"kind":"amend","event_id":"e-0"}}`,
			`{"operation":{"kind":"withdraw","event_id":"e-0"}}`,
			`{"prediction_id":"p","operation":{"kind":"withdraw"}}`,
			`{"operation":{"kind":"expire","event_id":"e-0"}}`,
			`{"prediction_id":"p","operation":{"kind":"expire"}}`,
		},
		"control": {
			`{"action":"rollback","version":12,"digest":"sha256:` + strings.Repeat("0a", 32) + `","unpinned":true,"learner":true,"reason":"bad","actor":"ops"}`,
			`{"action":"promote"}`,
			`{"action":"pin","version":3}`,
			`{"action":"unpin","reason":"checked"}`,
			`{"action":"boundary","task":"digits 0 and 1"}`,
		},
		"tick": {`{}`},
	}
}

func TestSchemasAcceptWhatTheDecoderAccepts(t *testing.T) {
	schemas, d := compileSchemas(t), schemaDecoder(t)
	for name, list := range payloads() {
		for _, text := range list {
			require.NoError(t, schemas.check(name, text), text)
			e := event("perennial."+name+".v1", text)
			_, err := d.Decode(e)
			require.NoError(t, err, text)
			whole, err := json.Marshal(e)
			require.NoError(t, err)
			require.NoError(t, schemas.check("envelope", string(whole)))
		}
	}
}

func TestSchemaOfEachSignalRefusesTheOthers(t *testing.T) {
	schemas := compileSchemas(t)
	signals := map[feedback.SignalKind]string{}
	for _, text := range payloads()["feedback"] {
		var f struct {
			Signal json.RawMessage `json:"signal"`
		}
		require.NoError(t, json.Unmarshal([]byte(text), &f))
		var k struct {
			Kind feedback.SignalKind `json:"kind"`
		}
		if f.Signal != nil {
			require.NoError(t, json.Unmarshal(f.Signal, &k))
			signals[k.Kind] = string(f.Signal)
		}
	}
	require.Len(t, signals, len(feedback.SignalKinds()))
	for _, schema := range feedback.SignalKinds() {
		for kind, text := range signals {
			err := schemas.check("signal."+string(schema), text)
			require.Equal(t, schema == kind, err == nil, "signal.%s and %s", schema, text)
		}
	}
}

func TestSchemaNamesWhatIsMissing(t *testing.T) {
	text, err := feedback.Schema("signal.rating")
	require.NoError(t, err)
	require.Contains(t, string(text), `"const": "rating"`)
	_, err = feedback.Schema("signal.applause")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// oddValues are what the generator puts in place of good values.
func oddValues() []string {
	return []string{
		`null`, `true`, `false`, `0`, `1`, `-1`, `0.5`, `1.0`, `1e2`, `-0`, `1.5`, `2`, `1e39`, `-1e39`, `1e999`,
		`9007199254740991`, `9007199254740993`, `""`, `"p"`, `"q"`, `"e-1"`, `"with space"`, `"tab\t"`, `"\u0000"`, `"ü"`,
		`"stable"`, `"rollback"`, `"pin"`, `"boundary"`, `"click"`, `"label"`, `"rating"`, `"preference"`, `"amend"`, `"withdraw"`,
		`"` + strings.Repeat("a", 256) + `"`, `"` + strings.Repeat("a", 257) + `"`, `"` + strings.Repeat("ü", 256) + `"`,
		`[]`, `[1]`, `[1,2]`, `["1"]`, `[null]`, `{}`, `{"x":1}`, `{"a":"b"}`, `{"a=b":"c"}`, `{"":"c"}`, `{"a":1}`, `{"kind":"click"}`,
		`{"kind":"label","value":1}`, `{"kind":"withdraw"}`, `{"kind":"amend","event_id":"e-0"}`, `"sha256:` + strings.Repeat("0", 64) + `"`,
	}
}

// fieldNames are the names that payloads use at any depth, and two that none does.
func fieldNames() []string {
	return []string{
		"prediction_id", "features", "outputs", "model_version", "channel", "segments", "flags", "propensity", "signal", "operation",
		"kind", "value", "correct", "over", "confidence", "event_id", "action", "version", "digest", "unpinned", "learner", "reason",
		"actor", "task", "applause", "Signal",
	}
}

// mutate changes one thing in a JSON object: it drops, replaces, adds or moves into.
func mutate(r *rand.Rand, object map[string]json.RawMessage) {
	names := fieldNames()
	odd := oddValues()
	name := names[r.IntN(len(names))]
	if present := keys(object); len(present) > 0 && r.IntN(4) > 0 {
		name = present[r.IntN(len(present))]
		var inner map[string]json.RawMessage
		if json.Unmarshal(object[name], &inner) == nil && inner != nil && r.IntN(3) > 0 {
			mutate(r, inner)
			object[name], _ = json.Marshal(inner)
			return
		}
		if r.IntN(3) == 0 {
			delete(object, name)
			return
		}
	}
	object[name] = json.RawMessage(odd[r.IntN(len(odd))])
}

// keys are sorted, for map order must not decide what the seed generates.
func keys(object map[string]json.RawMessage) []string {
	return slices.Sorted(maps.Keys(object))
}

// eachChange calls visit with every object that differs from object in one place, at
// any depth: a member replaced by an odd value, left out, or added.
func eachChange(object map[string]json.RawMessage, visit func(map[string]json.RawMessage)) {
	with := func(name string, value json.RawMessage) {
		changed := maps.Clone(object)
		if value == nil {
			delete(changed, name)
		} else {
			changed[name] = value
		}
		visit(changed)
	}
	for _, name := range keys(object) {
		with(name, nil)
		for _, odd := range oddValues() {
			with(name, json.RawMessage(odd))
		}
		var inner map[string]json.RawMessage
		if json.Unmarshal(object[name], &inner) == nil && inner != nil {
			eachChange(inner, func(changed map[string]json.RawMessage) {
				text, _ := json.Marshal(changed)
				with(name, text)
			})
		}
	}
	for _, name := range fieldNames() {
		if _, present := object[name]; !present {
			for _, value := range []string{`1`, `"q"`, `true`, `{}`} {
				with(name, json.RawMessage(value))
			}
		}
	}
}

func TestSchemasAndDecoderAgreeOnEverySingleChange(t *testing.T) {
	schemas, d := compileSchemas(t), schemaDecoder(t)
	cases := 0
	for name, list := range payloads() {
		for _, good := range list {
			var object map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(good), &object))
			eachChange(object, func(changed map[string]json.RawMessage) {
				text, err := json.Marshal(changed)
				require.NoError(t, err)
				_, decoded := d.Decode(event("perennial."+name+".v1", string(text)))
				requireAgreement(t, schemas.check(name, string(text)), decoded, string(text))
				cases++
			})
		}
	}
	require.Greater(t, cases, 5000)
}

func TestSchemasAndDecoderAgreeOnGeneratedPayloads(t *testing.T) {
	schemas, d := compileSchemas(t), schemaDecoder(t)
	r := rand.New(rand.NewPCG(1, 2))
	accepted, refused := 0, 0
	for _, name := range []string{"prediction", "feedback", "control", "tick"} {
		list := payloads()[name]
		for range 3000 {
			var object map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(list[r.IntN(len(list))]), &object))
			for range 1 + r.IntN(3) {
				mutate(r, object)
			}
			text, err := json.Marshal(object)
			require.NoError(t, err)
			_, decoded := d.Decode(event("perennial."+name+".v1", string(text)))
			requireAgreement(t, schemas.check(name, string(text)), decoded, string(text))
			if decoded == nil {
				accepted++
			} else {
				refused++
			}
		}
	}
	require.Greater(t, accepted, 700, "the generator must also make good payloads")
	require.Greater(t, refused, 3000)
}

func TestSchemasAndParserAgreeOnGeneratedEnvelopes(t *testing.T) {
	schemas, d := compileSchemas(t), schemaDecoder(t)
	r := rand.New(rand.NewPCG(3, 4))
	names := []string{"specversion", "id", "source", "type", "subject", "time", "consent", "datacontenttype", "traceparent", "Subject", "data_base64"}
	odd := append(oddValues(), `"1.0"`, `"0.3"`, `"learn"`, `"measure"`, `"maybe"`, `"2024-01-02T03:04:05Z"`, `"2024-13-02T03:04:05Z"`,
		`"application/json"`, `"application/xml"`, `"perennial.tick.v1"`, `"perennial.feedback.v1"`, `"perennial.feedback.v2"`, `2147483647`, `2147483648`)
	accepted := 0
	for range 5000 {
		whole, err := json.Marshal(event(feedback.TypeFeedback, `{"prediction_id":"p","signal":{"kind":"click"}}`))
		require.NoError(t, err)
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(whole, &object))
		for range 1 + r.IntN(2) {
			name := names[r.IntN(len(names))]
			if object[name] = json.RawMessage(odd[r.IntN(len(odd))]); r.IntN(5) == 0 {
				delete(object, name)
			}
		}
		text, err := json.Marshal(object)
		require.NoError(t, err)
		e, decoded := feedback.ParseJSON(text)
		if decoded == nil {
			_, decoded = d.Decode(e)
		}
		schema := schemas.check("envelope", string(text))
		if _, encoded := object["data_base64"]; encoded && schema == nil {
			continue // what is inside is not for a schema to see
		}
		requireAgreement(t, schema, decoded, string(text))
		if decoded == nil {
			accepted++
		}
	}
	require.Greater(t, accepted, 600, "of 5000")
}
