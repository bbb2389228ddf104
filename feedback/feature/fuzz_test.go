package feature_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/stretchr/testify/require"
)

// oracle encodes numbers and vectors the slow way, through encoding/json.
func oracle(raw []byte) (dense []float32, ok bool) {
	var in map[string]any
	if json.Unmarshal(raw, &in) != nil || in == nil || repeats(raw) {
		return nil, false
	}
	within := func(v any) (float32, bool) {
		x, isNumber := v.(float64)
		f := float32(x)
		return f, isNumber && math.Abs(float64(f)) <= feature.DefaultBound
	}
	for name := range in {
		if name != "a" && name != "b" {
			return nil, false
		}
	}
	a, ok := within(in["a"])
	b, isArray := in["b"].([]any)
	if !ok || !isArray || len(b) != 2 {
		return nil, false
	}
	dense = []float32{a}
	for _, v := range b {
		f, ok := within(v)
		if !ok {
			return nil, false
		}
		dense = append(dense, f)
	}
	return dense, true
}

// repeats says that an object has a key twice, which encoding/json lets pass.
func repeats(raw []byte) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	_, _ = d.Token() // the brace
	seen := map[json.Token]bool{}
	for d.More() {
		key, _ := d.Token()
		if seen[key] {
			return true
		}
		seen[key] = true
		var value json.RawMessage
		_ = d.Decode(&value)
	}
	return false
}

// FuzzEncode holds Encode against encoding/json: the same rows, and refusals beyond
// it for text alone.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[2,3]}`, `{"b":[1e3,-0],"a":0.1}`, `{"\u0061":1,"b":[2,3]}`, `{"a":1,"a":2,"b":[2,3]}`, `{"a":1e999,"b":[2,3]}`, `{"a":1,"b":[1e31,0]}`, `{"b":1,"a":2,"b":[2,3]}`,
		`{"a":null,"b":[2,3]}`, `{"a":1,"b":[2]}`, `{"a":1,"b":[2,3],"c":{}}`, `{"a":1,"b":[2,[3]]}`, `{"a":"\ud800","b":[2,3]}`, `{`,
	} {
		f.Add([]byte(seed))
	}
	d := newDictionary(f, feature.Refuse,
		feature.Feature{Name: "a", Kind: feature.Numeric},
		feature.Feature{Name: "b", Kind: feature.Vector, Dim: 2},
	)
	f.Fuzz(func(t *testing.T, raw []byte) {
		row, err := d.Encode(raw)
		want, ok := oracle(raw)
		if err == nil {
			require.True(t, ok, "accepted %q", raw)
			require.Equal(t, want, row.Dense)
			return
		}
		var fe *feature.Error
		require.ErrorAs(t, err, &fe)
		if ok && !strings.Contains(fe.Rule, "UTF-8") {
			t.Fatalf("refused %q: %v", raw, err)
		}
		require.True(t, utf8.ValidString(fe.Error()))
	})
}

// values reads an array of categories the slow way: how many there are, and whether it is
// one.
func values(raw []byte, most int) (n int, ok bool) {
	var in map[string]any
	if json.Unmarshal(raw, &in) != nil || len(in) != 1 || repeats(raw) {
		return 0, false
	}
	list, ok := in["t"].([]any)
	if !ok || len(list) > most {
		return 0, false
	}
	for _, v := range list {
		x, number := v.(float64)
		_, text := v.(string)
		if !text && !(number && x == math.Trunc(x)) {
			return 0, false
		}
	}
	return len(list), true
}

// FuzzEncodeCategories holds arrays of categories against encoding/json: the values fill
// the first places with buckets, and the others are empty.
func FuzzEncodeCategories(f *testing.F) {
	for _, seed := range []string{
		`{"t":[]}`, `{"t":["a",7]}`, `{"t":["a","b","c"]}`, `{"t":[1.5]}`, `{"t":[null]}`, `{"t":"a"}`, `{"t":[[1]]}`, `{"t":[{"a":1,"a":1}]}`,
		`{"t":["\ud800"]}`, `{"t":[1e3,-0]}`, `{"t":["a"`, `{"t":[9007199254740993]}`, `{"t":1,"t":[]}`,
	} {
		f.Add([]byte(seed))
	}
	d := newDictionary(f, feature.Refuse, feature.Feature{Name: "t", Kind: feature.Categorical, Buckets: 50, Max: 2})
	f.Fuzz(func(t *testing.T, raw []byte) {
		row, err := d.Encode(raw)
		want, ok := values(raw, 2)
		if err == nil {
			require.True(t, ok, "accepted %q", raw)
			require.Len(t, row.Categories, 2)
			for i, c := range row.Categories {
				require.Equal(t, i < want, c >= 0, "%q: place %d holds %d", raw, i, c)
				require.Less(t, c, int32(50))
			}
			return
		}
		var fe *feature.Error
		require.ErrorAs(t, err, &fe)
		if ok && !strings.Contains(fe.Rule, "UTF-8") && !strings.Contains(fe.Rule, "53 bits") {
			t.Fatalf("refused %q: %v", raw, err)
		}
	})
}
