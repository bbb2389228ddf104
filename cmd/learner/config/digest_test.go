package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
)

func digestOf(t *testing.T, file string) string {
	t.Helper()
	c, err := Parse("f", []byte(file))
	require.NoError(t, err)
	d, err := c.Digest("elec2")
	require.NoError(t, err)
	return d
}

func TestDigestMovesWithLearningAndWithNothingElse(t *testing.T) {
	base := digestOf(t, minimal)
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, base)
	for _, tc := range []struct {
		name, file string
		same       bool
	}{
		{"a default spelt out", with("batch: {size: 32}"), true},
		{"the init that a kind has anyway", with("model: {init: he}"), true},
		{"no splines, as there are none", with("model: {splines: -1}"), true},
		{"order of keys", with("segment: ''\nbatch: {wait: 20ms, size: 32}"), true},
		{"a comment", "# hello\n" + minimal, true},
		{"where it listens", "http: {address: 127.0.0.1:9}\n" + minimal, true},
		{"where it stores", "data: elsewhere\n" + minimal, true},
		{"which log", "log: {url: 'nats://far:4222'}\n" + minimal, true},
		{"by which kernels", "compute: {kernels: portable, threads: 2}\n" + minimal, true},
		{"retention", with("checkpoint: {keep: 3, compression: 4}"), true},
		{"another model beside it", minimal + strings.TrimPrefix(strings.Replace(minimal, "elec2", "b", 1), "models:\n"), true},
		{"words for people", strings.Replace(minimal, "kind: numeric", "kind: numeric, meaning: euros, owner: me", 1), true},
		{"seed", "seed: 2\n" + minimal, false},
		{"consent", "consent: {default: measure}\n" + minimal, false},
		{"architecture", with("model: {hidden: [64, 31]}"), false},
		{"how weights start", with("model: {init: uniform_fan_in}"), false},
		{"splines", with("model: {splines: 9}"), false},
		{"scale of a feature", strings.Replace(minimal, "kind: numeric", "kind: numeric, scale: 2", 1), false},
		{"order of features", "models:\n  - name: elec2\n    task: binary\n    features:\n" +
			"      - {name: day, kind: categorical, buckets: 7}\n      - {name: price, kind: numeric}\n", false},
		{"optimizer", with("optimizer: [{adamw: {}}]"), false},
		{"reliability of a signal", with("signals: {reliability: {click: 0.31}}"), false},
		{"unknown features", with("unknown_features: ignore"), false},
		{"cadence of versions", with("checkpoint: {every: 6s}"), false},
		{"longest event", with("max_event_bytes: 1KiB"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.same, digestOf(t, tc.file) == base)
		})
	}
	c, err := Parse("f", []byte(minimal))
	require.NoError(t, err)
	_, err = c.Digest("other")
	require.ErrorContains(t, err, `no model is named "other"`)
}

// A section that engine.Config gains must reach it from the file.
func TestEngineGetsEverySectionThatTheFileHas(t *testing.T) {
	var m Model
	inflate(reflect.ValueOf(&m).Elem())
	set(reflect.ValueOf(&m).Elem())
	e := reflect.ValueOf(m.engine())
	for _, f := range fieldsOf(reflect.TypeFor[engine.Config]()) {
		require.False(t, f.in(e).IsZero(), "engine.Config.%s is not taken from the file", f.Name)
	}
	for _, f := range fieldsOf(reflect.TypeFor[arm.Config]()) {
		if f.Name != "Name" {
			require.False(t, f.in(e.FieldByName("Arms").Index(0)).IsZero(), "arm.Config.%s is not taken from the file", f.Name)
		}
	}
}

// set makes every number, text and switch of v other than zero.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		set(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			set(v.Index(i))
		}
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			set(f.in(v))
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1)
	default:
		if v.CanInt() {
			v.SetInt(1)
		} else if v.CanUint() {
			v.SetUint(1)
		}
	}
}
