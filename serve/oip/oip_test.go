package oip_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/serve/oip"
)

func schema(t testing.TB, features ...oip.Feature) *oip.Schema {
	t.Helper()
	s, err := oip.NewSchema(features)
	require.NoError(t, err)
	return s
}

func rowsOf(s *oip.Schema, body string) ([]string, error) {
	var req oip.Request
	if err := req.Decode([]byte(body), oip.Limits{}); err != nil {
		return nil, err
	}
	var rows oip.Rows
	if err := s.Bind(&req, &rows); err != nil {
		return nil, err
	}
	var out []string
	for i := range rows.N {
		out = append(out, string(rows.AppendRow(nil, i)))
	}
	return out, nil
}

func TestRowsCarryWhatTheTensorsSay(t *testing.T) {
	s := schema(t,
		oip.Feature{Name: "age"},
		oip.Feature{Name: "country", Kind: oip.Categorical},
		oip.Feature{Name: "embed", Kind: oip.Vector, Dim: 2},
	)
	dense := schema(t, oip.Feature{Name: "a"}, oip.Feature{Name: "v", Kind: oip.Vector, Dim: 2})
	for _, tc := range []struct {
		name   string
		schema *oip.Schema
		body   string
		want   []string
	}{
		{"flat, in the dictionary's order", s, `{"inputs":[
			{"name":"embed","datatype":"FP64","shape":[2,2],"data":[1,2,3,4.50]},
			{"name":"country","datatype":"BYTES","shape":[2],"data":["de","f\"r"]},
			{"name":"age","datatype":"INT32","shape":[2,1],"data":[31,44]}]}`,
			[]string{`{"age":31,"country":"de","embed":[1,2]}`, `{"age":44,"country":"f\"r","embed":[3,4.50]}`}},
		{"nested, shape behind data", s, `{"inputs":[
			{"data":[[1,2],[3,4]],"shape":[2,2],"datatype":"FP32","name":"embed"}]}`,
			[]string{`{"embed":[1,2]}`, `{"embed":[3,4]}`}},
		{"null stays null and an unknown name is handed on", s, `{"inputs":[
			{"name":"age","datatype":"FP32","shape":[1],"data":[null]},
			{"name":"extra","datatype":"INT64","shape":[1],"data":[7]}]}`,
			[]string{`{"age":null,"extra":7}`}},
		{"integers for a category, booleans for a number", s, `{"inputs":[
			{"name":"country","datatype":"INT64","shape":[1],"data":[49]},
			{"name":"age","datatype":"BOOL","shape":[1],"data":[true]}]}`,
			[]string{`{"age":1,"country":49}`}},
		{"categories without those that are null", schema(t, oip.Feature{Name: "tags", Kind: oip.Categories, Dim: 3}, oip.Feature{Name: "ids", Kind: oip.Categories, Dim: 2}), `{"inputs":[
			{"name":"tags","datatype":"BYTES","shape":[3,3],"data":[["a",null,"n"],[null,null,null],["","null","b"]]},
			{"name":"ids","datatype":"INT64","shape":[3,1],"data":[7,null,-1]}]}`,
			[]string{`{"tags":["a","n"],"ids":[7]}`, `{"tags":[],"ids":[]}`, `{"tags":["","null","b"],"ids":[-1]}`}},
		{"one tensor for all", dense, `{"inputs":[
			{"name":"features","datatype":"FP32","shape":[2,3],"data":[[1,2,3],[4,5,6]]}]}`,
			[]string{`{"a":1,"v":[2,3]}`, `{"a":4,"v":[5,6]}`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := rowsOf(tc.schema, tc.body)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestBadRequestsNameFieldAndRule(t *testing.T) {
	s := schema(t, oip.Feature{Name: "a"}, oip.Feature{Name: "c", Kind: oip.Categorical}, oip.Feature{Name: "v", Kind: oip.Vector, Dim: 2},
		oip.Feature{Name: "tags", Kind: oip.Categories, Dim: 2})
	input := func(member string) string { return `{"inputs":[{` + member + `}]}` }
	for _, tc := range []struct{ name, body, code, field string }{
		{"not JSON", `{"inputs":`, oip.CodeMalformed, "body"},
		{"trailing bytes", input(`"name":"a","datatype":"FP32","shape":[1],"data":[1]`) + "x", oip.CodeMalformed, "body"},
		{"not UTF-8", "{\"inputs\":[\"\xff\"]}", oip.CodeMalformed, "body"},
		{"no inputs", `{"inputs":[]}`, oip.CodeMalformed, "inputs"},
		{"a member twice", `{"inputs":[],"inputs":[]}`, oip.CodeMalformed, "body"},
		{"too deep", `{"parameters":{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`, oip.CodeTooLarge, "body"},
		{"no name", input(`"datatype":"FP32","shape":[1],"data":[1]`), oip.CodeMalformed, "inputs[0].name"},
		{"no data", input(`"name":"a","datatype":"FP32","shape":[1]`), oip.CodeMalformed, "inputs[0].data"},
		{"number like no JSON number", input(`"name":"a","datatype":"FP32","shape":[1],"data":[01]`), oip.CodeMalformed, "body"},
		{"negative shape", input(`"name":"a","datatype":"FP32","shape":[-1],"data":[1]`), oip.CodeMalformed, "inputs[0].shape"},
		{"a shape that promises more", input(`"name":"a","datatype":"FP32","shape":[2147483647],"data":[1]`), oip.CodeTensor, "inputs[0].data"},
		{"a product that overflows", input(`"name":"v","datatype":"FP32","shape":[2147483647,2147483647,4],"data":[1,2,3,4]`), oip.CodeTensor, "inputs[0].data"},
		{"ragged", input(`"name":"v","datatype":"FP32","shape":[1,2],"data":[[1],[2]]`), oip.CodeTensor, "inputs[0].data"},
		{"mixed depth", input(`"name":"v","datatype":"FP32","shape":[1,2],"data":[1,[2]]`), oip.CodeTensor, "inputs[0].data"},
		{"unknown datatype", input(`"name":"a","datatype":"FLOAT","shape":[1],"data":[1]`), oip.CodeTensor, "inputs[0].datatype"},
		{"a string among numbers", input(`"name":"a","datatype":"FP32","shape":[1],"data":["1"]`), oip.CodeTensor, "inputs[0].data"},
		{"a fraction among integers", input(`"name":"a","datatype":"INT64","shape":[1],"data":[1.5]`), oip.CodeTensor, "inputs[0].data"},
		{"a string for a number", input(`"name":"a","datatype":"BYTES","shape":[1],"data":["x"]`), oip.CodeTensor, "inputs[0].datatype"},
		{"a float for a category", input(`"name":"c","datatype":"FP32","shape":[1],"data":[1]`), oip.CodeTensor, "inputs[0].datatype"},
		{"more categories than there may be", input(`"name":"tags","datatype":"BYTES","shape":[1,3],"data":["x","y","z"]`), oip.CodeTensor, "inputs[0].shape"},
		{"categories without a second dimension", input(`"name":"tags","datatype":"BYTES","shape":[1],"data":["x"]`), oip.CodeTensor, "inputs[0].shape"},
		{"floats for categories", input(`"name":"tags","datatype":"FP32","shape":[1,1],"data":[1]`), oip.CodeTensor, "inputs[0].datatype"},
		{"a short vector", input(`"name":"v","datatype":"FP32","shape":[1,1],"data":[1]`), oip.CodeTensor, "inputs[0].shape"},
		{"rows that disagree", `{"inputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1]},{"name":"c","datatype":"BYTES","shape":[2],"data":["x","y"]}]}`, oip.CodeTensor, "inputs[1].shape"},
		{"a tensor twice", `{"inputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1]},{"name":"a","datatype":"FP32","shape":[1],"data":[1]}]}`, oip.CodeTensor, "inputs[1].name"},
		{"an unknown tensor twice", `{"inputs":[{"name":"z","datatype":"FP32","shape":[1],"data":[1]},{"name":"z","datatype":"FP32","shape":[1],"data":[1]}]}`, oip.CodeTensor, "inputs[1].name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := rowsOf(s, tc.body)
			var e *oip.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tc.code, e.Code, e.Error())
			require.Equal(t, tc.field, e.Field, e.Error())
		})
	}
}

func TestIntegersStayWithinTheirDatatype(t *testing.T) {
	s := schema(t, oip.Feature{Name: "a"})
	for _, tc := range []struct{ datatype, least, most, below, above string }{
		{"INT8", "-128", "127", "-129", "300"},
		{"UINT8", "0", "255", "-1", "256"},
		{"INT16", "-32768", "32767", "-32769", "32768"},
		{"UINT16", "0", "65535", "-1", "65536"},
		{"INT32", "-2147483648", "2147483647", "-2147483649", "2147483648"},
		{"UINT32", "0", "4294967295", "-1", "4294967296"},
		{"INT64", "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808"},
		{"UINT64", "0", "18446744073709551615", "-1", "18446744073709551616"},
	} {
		bind := func(v string) error {
			_, err := rowsOf(s, `{"inputs":[{"name":"a","datatype":"`+tc.datatype+`","shape":[2],"data":[1,`+v+`]}]}`)
			return err
		}
		require.NoError(t, bind(tc.least), tc.datatype)
		require.NoError(t, bind(tc.most), tc.datatype)
		require.NoError(t, bind("null"), tc.datatype)
		for _, v := range []string{tc.below, tc.above, "1e2", "1.0"} {
			var e *oip.Error
			require.ErrorAs(t, bind(v), &e, "%s %s", tc.datatype, v)
			require.Equal(t, oip.CodeTensor, e.Code)
			require.Equal(t, "inputs[0].data", e.Field)
			require.Equal(t, fmt.Sprintf("must hold elements of datatype %s: whole numbers from %s to %s", tc.datatype, tc.least, tc.most), e.Rule)
		}
	}
}

func TestLimitsHoldBeforeAnythingGrows(t *testing.T) {
	var req oip.Request
	body := `{"inputs":[{"name":"a","datatype":"FP32","shape":[3],"data":[1,2,3]},{"name":"b","datatype":"FP32","shape":[1],"data":[1]}]}`
	for _, lim := range []oip.Limits{{Elements: 2}, {Inputs: 1}, {Depth: 2}} {
		var e *oip.Error
		require.ErrorAs(t, req.Decode([]byte(body), lim), &e)
		require.Equal(t, oip.CodeTooLarge, e.Code)
	}
	require.NoError(t, req.Decode([]byte(body), oip.Limits{}))
}

func TestResponseReadsBackAsTheSameNumbers(t *testing.T) {
	want := []float32{0.1, 1e-9, 3.4e38, 0, -2.5}
	out := oip.AppendResponse(nil, &oip.Response{
		Model: "m\n", Version: "7", ID: "é", HasID: true, Parameters: []byte(`{"channel":"stable"}`),
		Outputs: []oip.Output{
			{Name: "probabilities", Shape: [2]int{5, 1}, FP32: want},
			{Name: "prediction_id", Shape: [2]int{1}, BYTES: []string{"p\"1"}},
		},
	})
	var got struct {
		ModelName string `json:"model_name"`
		ID        string
		Outputs   []struct {
			Shape    []int
			Datatype string
			Data     json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(out, &got), string(out))
	require.Equal(t, "m\n", got.ModelName)
	require.Equal(t, "é", got.ID)
	var back []float32
	require.NoError(t, json.Unmarshal(got.Outputs[0].Data, &back))
	require.Equal(t, want, back)
	require.Equal(t, []int{5, 1}, got.Outputs[0].Shape)
	require.Equal(t, []int{1}, got.Outputs[1].Shape)
	require.JSONEq(t, `["p\"1"]`, string(got.Outputs[1].Data))
}

func TestSchemaRefusesAmbiguousNames(t *testing.T) {
	for _, features := range [][]oip.Feature{
		{{Name: ""}}, {{Name: "a"}, {Name: "a"}}, {{Name: "v", Kind: oip.Vector}},
	} {
		_, err := oip.NewSchema(features)
		require.ErrorContains(t, err, "features[")
	}
}

// FuzzRequest holds the decoder against encoding/json: whatever it accepts is JSON,
// and every row that comes out is a JSON object without a repeated surprise.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"id":"1","parameters":{"subject":"s"},"inputs":[{"name":"a","datatype":"FP32","shape":[2],"data":[1,2e3]}],"outputs":[{"name":"label"}]}`))
	f.Add([]byte(`{"inputs":[{"name":"v","datatype":"FP64","shape":[1,2],"data":[[1,-0.5]]},{"name":"c\u0041","datatype":"BYTES","shape":[1],"data":["\ud83d"]}]}`))
	f.Add([]byte(`{"inputs":[{"name":"features","datatype":"BOOL","shape":[1,3],"data":[true,null,false]}]}`))
	s := schema(f, oip.Feature{Name: "a"}, oip.Feature{Name: "v", Kind: oip.Vector, Dim: 2})
	f.Fuzz(func(t *testing.T, body []byte) {
		var req oip.Request
		if req.Decode(body, oip.Limits{}) != nil {
			return
		}
		require.True(t, json.Valid(body))
		var rows oip.Rows
		if s.Bind(&req, &rows) != nil {
			return
		}
		require.LessOrEqual(t, rows.N, len(body))
		for i := range rows.N {
			var object map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(rows.AppendRow(nil, i), &object))
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	var body strings.Builder
	var features []oip.Feature
	body.WriteString(`{"parameters":{"subject":"s-1"},"inputs":[`)
	for i := range 16 {
		name := fmt.Sprintf("feature_%02d", i)
		features = append(features, oip.Feature{Name: name})
		fmt.Fprintf(&body, `{"name":%q,"datatype":"FP32","shape":[1],"data":[0.%d]},`, name, i+100)
	}
	text := []byte(strings.TrimSuffix(body.String(), ",") + `]}`)
	s := schema(b, features...)
	var req oip.Request
	var rows oip.Rows
	var row []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := req.Decode(text, oip.Limits{}); err != nil {
			b.Fatal(err)
		}
		if err := s.Bind(&req, &rows); err != nil {
			b.Fatal(err)
		}
		row = rows.AppendRow(row[:0], 0)
	}
}

// One row of a request becomes one JSON object, the caller's numbers untouched.
func ExampleSchema_Bind() {
	schema, err := oip.NewSchema([]oip.Feature{{Name: "hour"}, {Name: "state", Kind: oip.Categorical}})
	if err != nil {
		panic(err)
	}
	var req oip.Request
	err = req.Decode([]byte(`{"inputs":[
		{"name":"state","datatype":"BYTES","shape":[2],"data":["nsw","vic"]},
		{"name":"hour","datatype":"FP32","shape":[2],"data":[0.50,7]}]}`), oip.Limits{})
	if err != nil {
		panic(err)
	}
	var rows oip.Rows
	if err := schema.Bind(&req, &rows); err != nil {
		panic(err)
	}
	for i := range rows.N {
		fmt.Println(string(rows.AppendRow(nil, i)))
	}
	// Output:
	// {"hour":0.50,"state":"nsw"}
	// {"hour":7,"state":"vic"}
}
