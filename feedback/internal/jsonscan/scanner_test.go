package jsonscan_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/perennial-ml/perennial/feedback/internal/jsonscan"
	"github.com/stretchr/testify/require"
)

const depth = 8

// skip reads one whole JSON text.
func skip(text string) error {
	s := jsonscan.New([]byte(text), depth)
	if _, err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

func TestSkipRefusesWhatIsNotIJSON(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       error
	}{
		{"nothing", ``, jsonscan.ErrSyntax},
		{"two values", `1 2`, jsonscan.ErrSyntax},
		{"leading zero", `01`, jsonscan.ErrSyntax},
		{"bare point", `1.`, jsonscan.ErrSyntax},
		{"bare exponent", `1e`, jsonscan.ErrSyntax},
		{"plus", `+1`, jsonscan.ErrSyntax},
		{"NaN", `NaN`, jsonscan.ErrSyntax},
		{"trailing comma in an array", `[1,]`, jsonscan.ErrSyntax},
		{"leading comma", `[,1]`, jsonscan.ErrSyntax},
		{"trailing comma in an object", `{"a":1,}`, jsonscan.ErrSyntax},
		{"no comma", `[1 2]`, jsonscan.ErrSyntax},
		{"no colon", `{"a" 1}`, jsonscan.ErrSyntax},
		{"key without quotes", `{a:1}`, jsonscan.ErrSyntax},
		{"wrong bracket", `[1}`, jsonscan.ErrSyntax},
		{"open string", `"a`, jsonscan.ErrSyntax},
		{"escaped end", `"a\"`, jsonscan.ErrSyntax},
		{"line break in a string", "\"a\nb\"", jsonscan.ErrSyntax},
		{"line break behind a backslash", "\"a\\\nb\"", jsonscan.ErrSyntax},
		{"unknown escape", `"\x"`, jsonscan.ErrSyntax},
		{"short escape", `"\u12"`, jsonscan.ErrSyntax},
		{"high surrogate alone", `"\ud800"`, jsonscan.ErrText},
		{"low surrogate alone", `"\udc00"`, jsonscan.ErrText},
		{"two high surrogates", `"\ud800\ud800"`, jsonscan.ErrText},
		{"not UTF-8", "\"\xff\"", jsonscan.ErrText},
		{"too deep", strings.Repeat("[", depth+1) + strings.Repeat("]", depth+1), jsonscan.ErrDepth},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorIs(t, skip(tc.text), tc.want)
		})
	}
	require.NoError(t, skip(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
}

func TestSkipUniqueFindsADuplicateBehindAnEscape(t *testing.T) {
	s := jsonscan.New([]byte(`{"x":[{"a":1,"\u0061":2}]}`), depth)
	_, err := s.SkipUnique()
	require.ErrorIs(t, err, jsonscan.ErrDuplicate)
	s = jsonscan.New([]byte(`{"a":{"a":1},"b":{"a":1}}`), depth)
	_, err = s.SkipUnique()
	require.NoError(t, err, "the same key in different objects is no duplicate")
}

func TestLooseCutsAroundBadText(t *testing.T) {
	s := jsonscan.NewLoose([]byte("[\"\\ud800 \\\" ]\", \"\xff\"] 7"), depth)
	raw, err := s.Skip()
	require.NoError(t, err)
	require.Equal(t, "[\"\\ud800 \\\" ]\", \"\xff\"]", string(raw))
}

func TestIntegerIsExactOrRefused(t *testing.T) {
	for _, tc := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"-0", 0, true}, {"42", 42, true}, {"-42", -42, true}, {"1.0", 1, true}, {"1e2", 100, true},
		{"9007199254740991", 9007199254740991, true}, {"9007199254740992", 0, false}, {"-9007199254740991", -9007199254740991, true},
		{"1.5", 0, false}, {"1e999", 0, false}, {"1e-999", 0, true},
	} {
		v, ok := jsonscan.Integer([]byte(tc.text))
		require.Equal(t, tc.ok, ok, tc.text)
		require.Equal(t, tc.want, v, tc.text)
	}
}

func TestFloatOverflowsToInfinity(t *testing.T) {
	require.True(t, math.IsInf(jsonscan.Float([]byte("1e999")), 1))
	require.True(t, math.IsInf(jsonscan.Float([]byte("-1e999")), -1))
	require.Zero(t, jsonscan.Float([]byte("1e-999")))
}

func TestFloatRoundsAsStrconvDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 200_000 {
		text := strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(20)-10)), 'f', r.IntN(18), 64)
		if i%3 == 0 {
			text = strconv.FormatFloat(r.Float64(), 'g', 1+r.IntN(17), 64)
		}
		want, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		s := jsonscan.New([]byte(text), depth)
		got, err := s.Float()
		require.NoError(t, err)
		if math.Float64bits(want) != math.Float64bits(got) {
			t.Fatalf("%s: want %v, got %v", text, want, got)
		}
	}
}

// FuzzSkip holds the Scanner against encoding/json: it never accepts more, and less
// only for text and depth.
func FuzzSkip(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.5e-3,true,null,"\ud83d\ude00\n"]}`, `[[[[1]]]]`, `"\u0041"`, ` -0.0E+1 `, `{"a":1,"a":2}`, `[1,]`, "\"\\\n\"", `-0`, `123456789012.345`, `0.1234567890123456`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := skip(string(data))
		if err == nil {
			require.True(t, json.Valid(data), "accepted what is not JSON: %q", data)
		}
		if err == jsonscan.ErrSyntax {
			require.False(t, json.Valid(data), "refused JSON: %q", data)
		}
		loose := jsonscan.NewLoose(data, depth)
		raw, looseErr := loose.Skip()
		if err == nil {
			require.NoError(t, looseErr)
			require.Equal(t, strings.Trim(string(data), " \t\r\n"), string(raw))
		}
		var want any
		s := jsonscan.New(data, depth)
		switch s.Kind() {
		case jsonscan.String:
			got, err := s.Text(nil)
			if err == nil && s.End() == nil {
				require.NoError(t, json.Unmarshal(data, &want))
				require.Equal(t, want, string(got))
				require.True(t, utf8.Valid(got))
			}
		case jsonscan.Number:
			got, err := s.Number()
			if err == nil && s.End() == nil {
				v, _ := strconv.ParseFloat(strings.Trim(string(data), " \t\r\n"), 64)
				require.Equal(t, math.Float64bits(v), math.Float64bits(jsonscan.Float(got)))
				s = jsonscan.New(data, depth)
				fast, err := s.Float()
				require.NoError(t, err)
				require.Equal(t, math.Float64bits(v), math.Float64bits(fast), "%s", got)
			}
		}
	})
}
