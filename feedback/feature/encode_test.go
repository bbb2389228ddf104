package feature_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/stretchr/testify/require"
)

func newDictionary(t testing.TB, unknown feature.Policy, features ...feature.Feature) *feature.Dictionary {
	t.Helper()
	d, err := feature.New(feature.Config{Features: features, Unknown: unknown})
	require.NoError(t, err)
	return d
}

// one feature of each kind, in an order that is not the alphabet's.
func mixed(t testing.TB, unknown feature.Policy) *feature.Dictionary {
	return newDictionary(t, unknown,
		feature.Feature{Name: "emb", Kind: feature.Vector, Dim: 3, Missing: feature.Default, Default: 0.5},
		feature.Feature{Name: "city", Kind: feature.Categorical, Buckets: 1000},
		feature.Feature{Name: "age", Kind: feature.Numeric, Mean: 40, Scale: 10, Invalid: feature.Default, Default: 60},
		feature.Feature{Name: "plan", Kind: feature.Categorical, Buckets: 7, Missing: feature.Default, Invalid: feature.Default, DefaultCategory: "free"},
	)
}

func TestEncodeLaysTheRowOutInTheDictionarysOrder(t *testing.T) {
	d := mixed(t, feature.Refuse)
	require.Equal(t, 4, d.Dense())
	require.Equal(t, []int{1000, 7}, d.Categories())

	row, err := d.Encode(json.RawMessage(`{"plan":"pro","age":50,"emb":[1,2.5,-3e0],"city":"Graz"}`))
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2.5, -3, 1}, row.Dense)
	require.Len(t, row.Categories, 2)

	same, err := d.Encode(json.RawMessage(` { "city" : "Gr\u0061z", "\u0061ge":5e1, "emb":[1.0,2.5,-3], "plan":"pro"} `))
	require.NoError(t, err)
	require.Equal(t, row, same, "order of keys, white space and escapes must not matter")
}

// The hash is part of the format of every trained model; these buckets must never
// change.
func TestCategoryHashIsStable(t *testing.T) {
	d := newDictionary(t, feature.Refuse,
		feature.Feature{Name: "city", Kind: feature.Categorical, Buckets: 1 << 20},
		feature.Feature{Name: "town", Kind: feature.Categorical, Buckets: 1 << 20},
	)
	bucket := func(raw string) []int32 {
		row, err := d.Encode(json.RawMessage(raw))
		require.NoError(t, err)
		return row.Categories
	}
	// Computed from the definition in doc.go by a program of its own; they differ
	// because the feature's name is the salt.
	require.Equal(t, []int32{444575, 835148}, bucket(`{"city":"Graz","town":"Graz"}`))
	require.Equal(t, bucket(`{"city":"7","town":"-12"}`), bucket(`{"city":7,"town":-12}`), "an integer is its decimal text")
	require.Equal(t, bucket(`{"city":7,"town":0}`), bucket(`{"city":7.0,"town":-0}`))
}

func TestCategoryHashSpreads(t *testing.T) {
	d := newDictionary(t, feature.Refuse, feature.Feature{Name: "id", Kind: feature.Categorical, Buckets: 16})
	var count [16]int
	for i := range 16000 {
		raw, err := json.Marshal(map[string]int{"id": i})
		require.NoError(t, err)
		row, err := d.Encode(raw)
		require.NoError(t, err)
		count[row.Categories[0]]++
	}
	for b, n := range count {
		require.InDelta(t, 1000, n, 150, "bucket %d", b) // five standard deviations
	}
}

func TestEncodeAppliesThePolicies(t *testing.T) {
	d := mixed(t, feature.Ignore)
	freeRow, err := d.Encode(json.RawMessage(`{"city":"a","age":1,"plan":"free"}`))
	require.NoError(t, err)
	free := freeRow.Categories[1]

	for _, tc := range []struct {
		name, raw string
		dense     []float32
	}{
		{"missing vector", `{"city":"a","age":40,"plan":"free"}`, []float32{0.5, 0.5, 0.5, 0}},
		{"null vector", `{"city":"a","age":40,"emb":null,"plan":"free"}`, []float32{0.5, 0.5, 0.5, 0}},
		{"overflowing number", `{"city":"a","age":1e999,"plan":"free"}`, []float32{0.5, 0.5, 0.5, 2}},
		{"overflow of float32 alone", `{"city":"a","age":1e300,"plan":"free"}`, []float32{0.5, 0.5, 0.5, 2}},
		{"text for a number", `{"city":"a","age":"old","plan":"free"}`, []float32{0.5, 0.5, 0.5, 2}},
		{"object for a number", `{"city":"a","age":{"y":[1]},"plan":"free"}`, []float32{0.5, 0.5, 0.5, 2}},
		{"missing category", `{"city":"a","age":40}`, []float32{0.5, 0.5, 0.5, 0}},
		{"fraction for a category", `{"city":"a","age":40,"plan":1.5}`, []float32{0.5, 0.5, 0.5, 0}},
		{"unknown feature", `{"city":"a","age":40,"plan":"free","shoe":{"size":[1,{"a":2}]}}`, []float32{0.5, 0.5, 0.5, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row, err := d.Encode(json.RawMessage(tc.raw))
			require.NoError(t, err)
			require.Equal(t, tc.dense, row.Dense)
			require.Equal(t, free, row.Categories[1])
		})
	}
}

func TestEncodeRefusals(t *testing.T) {
	strict, lenient := mixed(t, feature.Refuse), mixed(t, feature.Ignore)
	for _, tc := range []struct {
		name   string
		d      *feature.Dictionary
		raw    string
		reason feature.Reason
		field  string
	}{
		{"not an object", strict, `[1]`, feature.WrongType, ""},
		{"null", strict, `null`, feature.WrongType, ""},
		{"unknown", strict, `{"shoe":1}`, feature.Unknown, "shoe"},
		{"unknown with a name that must not be printed", strict, `{"a\u0000b":1}`, feature.Unknown, `"a\x00b"`},
		{"missing", strict, `{"age":1}`, feature.Missing, "city"},
		{"null is missing", strict, `{"age":1,"city":null}`, feature.Missing, "city"},
		{"twice", strict, `{"age":1,"\u0061ge":2,"city":"a"}`, feature.Duplicate, "age"},
		{"twice, the second one null", strict, `{"age":1,"age":null,"city":"a"}`, feature.Duplicate, "age"},
		{"unknown twice", lenient, `{"shoe":1,"shoe":2}`, feature.Duplicate, "shoe"},
		{"twice inside what is ignored", lenient, `{"shoe":{"a":1,"a":2}}`, feature.Duplicate, "shoe"},
		{"too deep inside what is ignored", lenient, `{"shoe":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + `}`, feature.TooDeep, "shoe"},
		{"short vector", strict, `{"city":"a","age":1,"emb":[1,2]}`, feature.Invalid, "emb"},
		{"long vector", strict, `{"city":"a","age":1,"emb":[1,2,3,4]}`, feature.Invalid, "emb"},
		{"vector with a hole", strict, `{"city":"a","age":1,"emb":[1,null,3]}`, feature.Invalid, "emb"},
		{"vector that overflows", strict, `{"city":"a","age":1,"emb":[1,1e999,3]}`, feature.Invalid, "emb"},
		{"number for a vector", strict, `{"city":"a","age":1,"emb":1}`, feature.Invalid, "emb"},
		{"boolean for a category", strict, `{"city":true,"age":1}`, feature.Invalid, "city"},
		{"integer beyond 53 bits", strict, `{"city":9007199254740993,"age":1}`, feature.Invalid, "city"},
		{"cut off", strict, `{"city":"a","age":1`, feature.Malformed, ""},
		{"followed by more", strict, `{"city":"a","age":1} x`, feature.Malformed, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.d.Encode(json.RawMessage(tc.raw))
			var fe *feature.Error
			require.ErrorAs(t, err, &fe)
			require.Equal(t, tc.reason, fe.Reason, err.Error())
			require.Equal(t, tc.field, fe.Field)
		})
	}
}

// A finite number can be as bad as none: 3e38 alone would decide every step.
func TestWhatIsBeyondTheBoundGetsItsPolicy(t *testing.T) {
	number := func(beyond feature.Policy, bound float64) feature.Feature {
		return feature.Feature{Name: "x", Kind: feature.Numeric, Mean: 10, Scale: 2, Default: 12, Bound: bound, Beyond: beyond}
	}
	vector := func(beyond feature.Policy) feature.Feature {
		return feature.Feature{Name: "x", Kind: feature.Vector, Dim: 3, Default: 1, Bound: 100, Beyond: beyond}
	}
	for _, tc := range []struct {
		name  string
		f     feature.Feature
		value string
		want  []float32 // nil: refused
		rule  string    // and what the error says of it
	}{
		{"at the default bound", number("", 0), "2000010", []float32{1e6}, ""},
		{"beyond the default bound", number("", 0), "2000012", nil, "must be at most 1e+06 in absolute value once standardised"},
		{"as large as a float32", number("", 0), "3e38", nil, "must be at most 1e+06"},
		{"below", number("", 0), "-3e38", nil, "must be at most 1e+06"},
		{"a bound of its own", number("", 5), "21", nil, "must be at most 5 in"},
		{"within it", number("", 5), "20", []float32{5}, ""},
		{"clipped", number(feature.Clip, 5), "3e38", []float32{5}, ""},
		{"clipped from below", number(feature.Clip, 5), "-3e38", []float32{-5}, ""},
		{"not finite is not clipped", number(feature.Clip, 5), "1e300", nil, "must be finite"},
		{"default", number(feature.Default, 5), "3e38", []float32{1}, ""},
		{"one element", vector(""), "[1,2,101]", nil, "must be at most 100 in absolute value once standardised: broken by element 2"},
		{"one element clipped", vector(feature.Clip), "[1,-101,3]", []float32{1, -100, 3}, ""},
		{"default for all elements", vector(feature.Default), "[5,101,3]", []float32{1, 1, 1}, ""},
		{"another rule is broken too", vector(feature.Default), `[101,"a",3]`, nil, "must be an array of 3 numbers: broken by element 1"},
		{"not finite either", vector(feature.Default), `[101,1e300,3]`, nil, "a float32: broken by element 1"},
		{"the first of several", vector(""), `[1,101,102]`, nil, "broken by element 1"},
		{"too few", vector(feature.Default), `[101,2]`, nil, "must be an array of 3 numbers: has 2 elements"},
		{"too many", vector(feature.Default), `[1,2,3,"a",5]`, nil, "must be an array of 3 numbers: has 5 elements"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row, err := newDictionary(t, feature.Refuse, tc.f).Encode(json.RawMessage(`{"x":` + tc.value + `}`))
			if tc.want != nil {
				require.NoError(t, err)
				require.Equal(t, tc.want, row.Dense)
				return
			}
			var fe *feature.Error
			require.ErrorAs(t, err, &fe)
			require.Equal(t, feature.Invalid, fe.Reason)
			require.ErrorContains(t, err, tc.rule)
		})
	}
}

func TestEncodeAllocatesTheRowAlone(t *testing.T) {
	d := mixed(t, feature.Refuse)
	raw := json.RawMessage(`{"plan":12,"age":50,"emb":[1,2.5,-3e0],"city":"Gr\u0061z"}`)
	n := testing.AllocsPerRun(100, func() {
		if _, err := d.Encode(raw); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, n, 2.0, "one for the dense columns, one for the categories")
}

func TestNewNamesFieldAndRule(t *testing.T) {
	ok := feature.Feature{Name: "x", Kind: feature.Numeric}
	with := func(change func(*feature.Feature)) feature.Config {
		f := ok
		change(&f)
		return feature.Config{Features: []feature.Feature{ok, {Name: "v", Kind: feature.Vector, Dim: 2}, f}}
	}
	for _, tc := range []struct {
		want   string
		config feature.Config
	}{
		{"features: must list 1 to 4096", feature.Config{}},
		{"unknown: must be", feature.Config{Features: []feature.Feature{ok}, Unknown: feature.Default}},
		{"features[2].name: must be unique", with(func(f *feature.Feature) {})},
		{"features[2].name: must be 1 to 128", with(func(f *feature.Feature) { f.Name = "a b" })},
		{"features[2].kind: must be", with(func(f *feature.Feature) { f.Name, f.Kind = "y", "colour" })},
		{"features[2].dim: must be absent", with(func(f *feature.Feature) { f.Name, f.Dim = "y", 2 })},
		{"features[2].dim: must be 1 to", with(func(f *feature.Feature) { f.Name, f.Kind = "y", feature.Vector })},
		{"features[2].buckets: must be 2 to", with(func(f *feature.Feature) { f.Name, f.Kind, f.Buckets = "y", feature.Categorical, 1 })},
		{"features[2].buckets: must be absent", with(func(f *feature.Feature) { f.Name, f.Buckets = "y", 5 })},
		{"features[2].missing: must be", with(func(f *feature.Feature) { f.Name, f.Missing = "y", feature.Ignore })},
		{"features[2].invalid: must be", with(func(f *feature.Feature) { f.Name, f.Invalid = "y", "drop" })},
		{"features[2].personal_data: must be", with(func(f *feature.Feature) { f.Name, f.PersonalData = "y", "secret" })},
		{"features[2].scale: must be", with(func(f *feature.Feature) { f.Name, f.Scale = "y", -1 })},
		{"features[2].mean: must be", with(func(f *feature.Feature) { f.Name, f.Mean = "y", math.NaN() })},
		{"features[2].default: must be", with(func(f *feature.Feature) { f.Name, f.Default = "y", 1e300 })},
		{"features[2].default: must be within the bound", with(func(f *feature.Feature) { f.Name, f.Default, f.Bound = "y", 6, 5 })},
		{"features[2].bound: must be above 0", with(func(f *feature.Feature) { f.Name, f.Bound = "y", -1 })},
		{"features[2].bound: must be above 0, and finite as a float32", with(func(f *feature.Feature) { f.Name, f.Bound = "y", 1e39 })},
		{"features[2].beyond: must be refuse, clip or default", with(func(f *feature.Feature) { f.Name, f.Beyond = "y", feature.Ignore })},
		{"features[2].kind: default, mean, scale, bound and beyond", with(func(f *feature.Feature) {
			f.Name, f.Kind, f.Buckets, f.Bound = "y", feature.Categorical, 5, 3
		})},
		{"features[2].default_category: must be", with(func(f *feature.Feature) { f.Name, f.DefaultCategory = "y", "a" })},
	} {
		_, err := feature.New(tc.config)
		require.ErrorContains(t, err, tc.want)
	}
}

// tagged has a category, an array of up to three, and one that may be missing.
func tagged(t testing.TB) *feature.Dictionary {
	return newDictionary(t, feature.Refuse,
		feature.Feature{Name: "city", Kind: feature.Categorical, Buckets: 1 << 20},
		feature.Feature{Name: "tags", Kind: feature.Categorical, Buckets: 1 << 20, Max: 3},
		feature.Feature{Name: "seen", Kind: feature.Categorical, Buckets: 1 << 20, Max: 2, Pool: feature.Sum,
			Missing: feature.Default, Invalid: feature.Default, DefaultCategory: "none"},
		feature.Feature{Name: "last", Kind: feature.Categorical, Buckets: 1 << 20, Max: 2, Missing: feature.Default},
	)
}

func TestAnArrayOfCategoriesFillsItsPlacesFromTheFirst(t *testing.T) {
	d := tagged(t)
	require.Equal(t, []int{1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20}, d.Categories())
	require.Equal(t, []feature.Bag{
		{First: 1, Size: 3, Pool: feature.Mean}, {First: 4, Size: 2, Pool: feature.Sum}, {First: 6, Size: 2, Pool: feature.Mean},
	}, d.Bags())
	single := newDictionary(t, feature.Refuse, feature.Feature{Name: "tags", Kind: feature.Categorical, Buckets: 1 << 20})
	one := func(value string) int32 {
		row, err := single.Encode(json.RawMessage(`{"tags":` + value + `}`))
		require.NoError(t, err)
		return row.Categories[0]
	}
	row := func(tags string) []int32 {
		row, err := d.Encode(json.RawMessage(`{"city":"Graz","tags":` + tags + `,"seen":[],"last":[]}`))
		require.NoError(t, err)
		require.Equal(t, []int32{-1, -1, -1, -1}, row.Categories[4:])
		require.EqualValues(t, 444575, row.Categories[0])
		return row.Categories[1:4]
	}
	require.Equal(t, []int32{one(`"a"`), one(`7`), one(`"a"`)}, row(`["a", 7.0, "\u0061"]`))
	require.Equal(t, []int32{one(`""`), -1, -1}, row(`[""]`), "the empty string is a value")
	require.Equal(t, []int32{-1, -1, -1}, row(`[]`))
}

func TestArraysOfCategoriesFallBackAndAreRefused(t *testing.T) {
	d := tagged(t)
	row, err := d.Encode(json.RawMessage(`{"city":"a","tags":["x"]}`))
	require.NoError(t, err)
	none := row.Categories[4]
	require.Equal(t, []int32{none, -1, -1, -1}, row.Categories[4:], "without a default category an array is empty")
	require.NotEqual(t, int32(-1), none)
	for bad, detail := range map[string]string{
		`"x"`: "", `["x","y","z"]`: "has 3 elements", `[1,[2]]`: "broken by element 1", `[null]`: "broken by element 0",
		`[1.5]`: "broken by element 0", `{}`: "", `["x",{}]`: "broken by element 1",
	} {
		row, err = d.Encode(json.RawMessage(`{"city":"a","tags":["x"],"seen":` + bad + `}`))
		require.NoError(t, err, bad)
		require.Equal(t, []int32{none, -1}, row.Categories[4:6], bad)
		_, err = d.Encode(json.RawMessage(`{"city":"a","tags":["x"],"last":` + bad + `}`))
		var e *feature.Error
		require.ErrorAs(t, err, &e, bad)
		require.Equal(t, feature.Invalid, e.Reason)
		require.Equal(t, "last", e.Field)
		require.Equal(t, detail, e.Detail, bad)
		if bad != `[1.5]` {
			require.Equal(t, "must be an array of at most 2 strings or integers", e.Rule)
		}
	}
	_, err = d.Encode(json.RawMessage(`{"city":["a"],"tags":[]}`))
	require.ErrorContains(t, err, "feature_invalid: features.city must be a string or an integer")
	_, err = d.Encode(json.RawMessage(`{"city":"a","tags":[{"b":1,"b":2}]}`))
	require.ErrorContains(t, err, "duplicate_key: features.tags")
	_, err = d.Encode(json.RawMessage(`{"city":"a","tags":["a"`))
	require.ErrorContains(t, err, "malformed_json")
}

func TestArraysOfCategoriesAreDeclaredByTheRules(t *testing.T) {
	for want, f := range map[string]feature.Feature{
		"max: must be absent, with pool, unless the kind is": {Kind: feature.Numeric, Max: 2},
		"max: must be 1 to 4096, got 5000":                   {Kind: feature.Categorical, Buckets: 9, Max: 5000},
		"max: must be 1 to 4096, got -1":                     {Kind: feature.Categorical, Buckets: 9, Max: -1},
		"pool: must be absent without max":                   {Kind: feature.Categorical, Buckets: 9, Pool: feature.Sum},
		`pool: must be mean or sum, got "max"`:               {Kind: feature.Categorical, Buckets: 9, Max: 2, Pool: "max"},
	} {
		f.Name = "tags"
		_, err := feature.New(feature.Config{Features: []feature.Feature{f}})
		require.ErrorContains(t, err, want)
	}
	var many []feature.Feature
	for i := range 17 {
		many = append(many, feature.Feature{Name: strings.Repeat("x", i+1), Kind: feature.Categorical, Buckets: 9, Max: 4096})
	}
	_, err := feature.New(feature.Config{Features: many})
	require.ErrorContains(t, err, "features[16].max: the values of all categorical features together must be at most 65536")
}
