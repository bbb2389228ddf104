package oip

import (
	"encoding/json"
	"fmt"
)

// Kind is how a feature travels in a tensor.
type Kind uint8

// The kinds of features.
const (
	Numeric     Kind = iota // FP32, FP64 or an integer type, shape [n] or [n,1]
	Vector                  // the same types, shape [n, Dim]
	Categorical             // BYTES or an integer type, shape [n] or [n,1]
	Categories              // the same types, shape [n,k] of k up to Dim; null where a row has fewer
)

// A Feature is one named input of a model.
type Feature struct {
	Name string
	Kind Kind
	Dim  int // of a vector; of categories, the most
}

// FeaturesTensor is the name of the one tensor, FP32 or FP64 [n, width], that may
// stand for every feature in the schema's order where none is categorical and no
// feature has that name.
const FeaturesTensor = "features"

// A Schema lists the features of a model in the order of its dictionary.
type Schema struct {
	features []Feature
	index    map[string]int
	keys     [][]byte // `"name":`, ready to append
	width    int      // columns of FeaturesTensor; 0 where it is not offered
}

// NewSchema returns the schema of features. It returns an error that names the
// feature whose name is empty or repeated, or whose dimension is not positive.
func NewSchema(features []Feature) (*Schema, error) {
	s := &Schema{features: features, index: make(map[string]int, len(features))}
	for i, f := range features {
		if f.Name == "" {
			return nil, fmt.Errorf("features[%d].name must be given", i)
		}
		if _, ok := s.index[f.Name]; ok {
			return nil, fmt.Errorf("features[%d].name: %q must not appear twice", i, f.Name)
		}
		if (f.Kind == Vector || f.Kind == Categories) && f.Dim < 1 {
			return nil, fmt.Errorf("features[%d].dim must be at least 1", i)
		}
		s.index[f.Name] = i
		key, err := json.Marshal(f.Name)
		if err != nil {
			return nil, fmt.Errorf("features[%d].name: %w", i, err)
		}
		s.keys = append(s.keys, append(key, ':'))
		s.width += f.columns()
	}
	for _, f := range features {
		if f.categorical() || f.Name == FeaturesTensor {
			s.width = 0
		}
	}
	return s, nil
}

func (f Feature) categorical() bool { return f.Kind == Categorical || f.Kind == Categories }

func (f Feature) columns() int {
	if f.Kind == Vector {
		return f.Dim
	}
	return 1
}

// Inputs describes the tensors that the model takes, for its metadata.
func (s *Schema) Inputs() []TensorMetadata {
	out := make([]TensorMetadata, 0, len(s.features))
	for _, f := range s.features {
		t := TensorMetadata{Name: f.Name, Datatype: "FP32", Shape: []int{-1}}
		switch f.Kind {
		case Vector:
			t.Shape = []int{-1, f.Dim}
		case Categorical:
			t.Datatype = "BYTES"
		case Categories:
			t.Datatype, t.Shape = "BYTES", []int{-1, f.Dim}
		}
		out = append(out, t)
	}
	return out
}

// Rows are the examples of one request, row by row. They alias the request.
type Rows struct {
	N int

	schema *Schema
	req    *Request
	from   []column // by feature; input < 0 where the request has none
	extra  []column // tensors that the schema does not know
	keys   [][]byte // of the extra ones
}

// A column says where a feature's elements lie: row i holds tokens
// [lo+i*stride, lo+i*stride+width).
type column struct {
	input             int
	lo, stride, width int
	vector            bool
	list              bool // a vector without its nulls
	boolean           bool
}

// Bind checks the request's tensors against the schema and fills rows. A tensor of
// a name that the schema does not know is handed on under that name, and a feature
// without a tensor is left out: the dictionary's policies judge both. Errors are
// *Error with CodeTensor.
func (s *Schema) Bind(req *Request, rows *Rows) error {
	*rows = Rows{N: req.Inputs[0].Shape[0], schema: s, req: req, from: rows.from[:0], extra: rows.extra[:0], keys: rows.keys[:0]}
	for range s.features {
		rows.from = append(rows.from, column{input: -1})
	}
	for i := range req.Inputs {
		in := &req.Inputs[i]
		if in.Shape[0] != rows.N {
			return &Error{CodeTensor, inputField(i, "shape"), fmt.Sprintf("must have as many rows as the first tensor, %d", rows.N)}
		}
		if len(in.Shape) > 2 {
			return &Error{CodeTensor, inputField(i, "shape"), "must be [n] or [n, columns]"}
		}
		class, ok := classOf(in.Datatype)
		if !ok {
			return &Error{CodeTensor, inputField(i, "datatype"), "must be FP32, FP64, an integer type, BOOL or BYTES"}
		}
		if err := req.checkTokens(in, class, i); err != nil {
			return err
		}
		width := 1
		if len(in.Shape) == 2 {
			width = in.Shape[1]
		}
		col := column{input: i, lo: in.lo, stride: width, width: width, boolean: class == boolean}
		at, known := s.index[in.Name]
		switch {
		case known:
			if rows.from[at].input >= 0 {
				return &Error{CodeTensor, inputField(i, "name"), fmt.Sprintf("must not give %q twice", in.Name)}
			}
			f := s.features[at]
			if err := f.admit(class, in.Shape, width, i); err != nil {
				return err
			}
			col.list = f.Kind == Categories
			col.vector = f.Kind == Vector || col.list
			rows.from[at] = col
		case in.Name == FeaturesTensor && s.width > 0:
			if err := s.spread(rows, col, class, i); err != nil {
				return err
			}
		default:
			if err := rows.unknown(in, col, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// admit checks a known feature's datatype and shape.
func (f Feature) admit(class datatype, shape []int, width, at int) error {
	switch {
	case f.categorical() && class != bytesType && class != integer:
		return &Error{CodeTensor, inputField(at, "datatype"), fmt.Sprintf("must be BYTES or an integer type for the categorical feature %q", f.Name)}
	case !f.categorical() && class == bytesType:
		return &Error{CodeTensor, inputField(at, "datatype"), fmt.Sprintf("must be a number type for the feature %q", f.Name)}
	case f.Kind == Vector && (len(shape) != 2 || width != f.Dim):
		return &Error{CodeTensor, inputField(at, "shape"), fmt.Sprintf("must be [n, %d] for the vector feature %q", f.Dim, f.Name)}
	case f.Kind == Categories && (len(shape) != 2 || width > f.Dim):
		return &Error{CodeTensor, inputField(at, "shape"), fmt.Sprintf("must be [n, k] of k up to %d for the feature %q", f.Dim, f.Name)}
	case f.Kind != Vector && f.Kind != Categories && width != 1:
		return &Error{CodeTensor, inputField(at, "shape"), fmt.Sprintf("must be [n] or [n, 1] for the feature %q", f.Name)}
	}
	return nil
}

// spread cuts FeaturesTensor into the features' columns.
func (s *Schema) spread(rows *Rows, col column, class datatype, at int) error {
	if class == bytesType {
		return &Error{CodeTensor, inputField(at, "datatype"), "must be a number type"}
	}
	if col.width != s.width {
		return &Error{CodeTensor, inputField(at, "shape"), fmt.Sprintf("must be [n, %d]", s.width)}
	}
	lo := col.lo
	for i, f := range s.features {
		if rows.from[i].input >= 0 {
			return &Error{CodeTensor, inputField(at, "name"), fmt.Sprintf("must not stand beside a tensor of its own for %q", f.Name)}
		}
		rows.from[i] = column{input: col.input, lo: lo, stride: col.stride, width: f.columns(), vector: f.Kind == Vector, boolean: col.boolean}
		lo += f.columns()
	}
	return nil
}

func (rows *Rows) unknown(in *Input, col column, at int) error {
	key, err := json.Marshal(in.Name)
	if err != nil {
		return &Error{CodeTensor, inputField(at, "name"), err.Error()}
	}
	key = append(key, ':')
	for _, k := range rows.keys {
		if string(k) == string(key) {
			return &Error{CodeTensor, inputField(at, "name"), fmt.Sprintf("must not give %q twice", in.Name)}
		}
	}
	col.vector = len(in.Shape) == 2
	rows.extra = append(rows.extra, col)
	rows.keys = append(rows.keys, key)
	return nil
}

// AppendRow appends row i, 0 <= i < N, as a JSON object keyed by feature name, in the
// dictionary's order and with tensors of unknown names behind. Elements are written
// as the request wrote them, but for BOOL: 1 or 0.
func (rows *Rows) AppendRow(dst []byte, i int) []byte {
	dst = append(dst, '{')
	first := len(dst)
	for f, col := range rows.from {
		if col.input >= 0 {
			dst = rows.appendMember(dst, first, rows.schema.keys[f], col, i)
		}
	}
	for e, col := range rows.extra {
		dst = rows.appendMember(dst, first, rows.keys[e], col, i)
	}
	return append(dst, '}')
}

func (rows *Rows) appendMember(dst []byte, first int, key []byte, col column, i int) []byte {
	if len(dst) > first {
		dst = append(dst, ',')
	}
	dst = append(dst, key...)
	at := col.lo + i*col.stride
	if !col.vector {
		return rows.appendToken(dst, col, at)
	}
	dst = append(dst, '[')
	empty := len(dst)
	for k := range col.width {
		if col.list && rows.null(at+k) {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = rows.appendToken(dst, col, at+k)
	}
	return append(dst, ']')
}

func (rows *Rows) null(at int) bool {
	return rows.req.body[rows.req.tokens[at].from] == 'n' // no other token begins so
}

func (rows *Rows) appendToken(dst []byte, col column, at int) []byte {
	t := rows.req.tokens[at]
	raw := rows.req.body[t.from:t.to]
	if col.boolean {
		switch raw[0] {
		case 't':
			return append(dst, '1')
		case 'f':
			return append(dst, '0')
		}
	}
	return append(dst, raw...)
}
