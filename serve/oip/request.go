package oip

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// Limits bound what Decode accepts. A zero field means its default.
type Limits struct {
	Depth    int // nested arrays and objects; default 16
	Inputs   int // input tensors; default 1024
	Elements int // elements of all input tensors together; default 1 Mi
}

func (l Limits) withDefaults() Limits {
	if l.Depth == 0 {
		l.Depth = 16
	}
	if l.Inputs == 0 {
		l.Inputs = 1024
	}
	if l.Elements == 0 {
		l.Elements = 1 << 20
	}
	return l
}

// An Error says what is wrong with a request: which field broke which rule.
type Error struct {
	Code  string // stable: malformed, too_large, or tensor
	Field string // e.g. inputs[2].shape
	Rule  string
}

func (e *Error) Error() string { return e.Field + " " + e.Rule }

// The codes of an Error.
const (
	CodeMalformed = "infer_malformed" // not JSON, or not an inference request
	CodeTooLarge  = "infer_too_large" // over one of the Limits
	CodeTensor    = "infer_tensor"    // shape, datatype and data do not agree with each other or with the model
)

// A Request is a decoded inference request. It aliases the body; its zero value is
// ready, and Decode reuses what an earlier request allocated.
type Request struct {
	ID         string
	HasID      bool
	Parameters []Parameter
	Inputs     []Input
	Outputs    []string // names of the outputs asked for; empty means all

	body   []byte
	tokens []span // the elements of all inputs, flattened
}

// A Parameter is one request parameter, its value still JSON.
type Parameter struct {
	Name  string
	Value json.RawMessage
}

// An Input is one input tensor. Its elements are tokens[lo:hi] of the Request.
type Input struct {
	Name     string
	Datatype string
	Shape    []int
	lo, hi   int
	nesting  int // depth of the innermost arrays in data; -1 without an element
	leaf     int // elements of each innermost array
}

// Decode reads body into r. Errors are *Error. r aliases body until the next Decode.
func (r *Request) Decode(body []byte, lim Limits) error {
	lim = lim.withDefaults()
	*r = Request{body: body, tokens: r.tokens[:0], Inputs: r.Inputs[:0], Parameters: r.Parameters[:0], Outputs: r.Outputs[:0]}
	if uint64(len(body)) > math.MaxUint32 {
		return &Error{CodeTooLarge, "body", "must be under 4 GiB"}
	}
	if !utf8.Valid(body) {
		return &Error{CodeMalformed, "body", "must be UTF-8"}
	}
	d := decoder{c: cursor{b: body, depth: lim.Depth}, r: r, lim: lim}
	err := d.request()
	var own *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case errors.Is(err, errDepth):
		return &Error{CodeTooLarge, "body", fmt.Sprintf("must not nest deeper than %d", lim.Depth)}
	}
	return &Error{CodeMalformed, "body", err.Error()}
}

type decoder struct {
	c   cursor
	r   *Request
	lim Limits
}

func (d *decoder) request() error {
	var seen members
	err := d.c.object(func(key string) error {
		if err := seen.add("body", key); err != nil {
			return err
		}
		switch key {
		case "id":
			return d.id()
		case "parameters":
			return d.parameters()
		case "inputs":
			return d.inputs()
		case "outputs":
			return d.outputs()
		}
		_, err := d.c.skip()
		return err
	})
	if err != nil {
		return err
	}
	if len(d.r.Inputs) == 0 {
		return &Error{CodeMalformed, "inputs", "must hold at least one tensor"}
	}
	return d.c.end()
}

func (d *decoder) id() error {
	var err error
	d.r.ID, err = d.c.text()
	d.r.HasID = err == nil
	return err
}

func (d *decoder) parameters() error {
	var seen members
	return d.c.object(func(key string) error {
		if err := seen.add("parameters", key); err != nil {
			return err
		}
		s, err := d.c.skip()
		if err != nil {
			return err
		}
		d.r.Parameters = append(d.r.Parameters, Parameter{Name: key, Value: d.r.body[s.from:s.to]})
		return nil
	})
}

func (d *decoder) outputs() error {
	return d.c.array(func() error {
		if len(d.r.Outputs) >= d.lim.Inputs {
			return &Error{CodeTooLarge, "outputs", fmt.Sprintf("must name at most %d tensors", d.lim.Inputs)}
		}
		name := ""
		err := d.c.object(func(key string) error {
			if key != "name" {
				_, err := d.c.skip()
				return err
			}
			var err error
			name, err = d.c.text()
			return err
		})
		if err == nil {
			d.r.Outputs = append(d.r.Outputs, name)
		}
		return err
	})
}

func (d *decoder) inputs() error {
	return d.c.array(func() error {
		at := len(d.r.Inputs)
		if at >= d.lim.Inputs {
			return &Error{CodeTooLarge, "inputs", fmt.Sprintf("must hold at most %d tensors", d.lim.Inputs)}
		}
		in, err := d.input(at)
		if err != nil {
			return err
		}
		d.r.Inputs = append(d.r.Inputs, in)
		return nil
	})
}

func (d *decoder) input(at int) (Input, error) {
	field := func(name string) string { return "inputs[" + strconv.Itoa(at) + "]." + name }
	in := Input{nesting: -1}
	if cap(d.r.Inputs) > at {
		in.Shape = d.r.Inputs[:at+1][at].Shape[:0]
	}
	var seen members
	err := d.c.object(func(key string) (err error) {
		if err := seen.add("inputs["+strconv.Itoa(at)+"]", key); err != nil {
			return err
		}
		switch key {
		case "name":
			in.Name, err = d.c.text()
		case "datatype":
			in.Datatype, err = d.c.text()
		case "shape":
			in.Shape, err = d.shape(in.Shape, field("shape"))
		case "data":
			if d.c.peek() != '[' {
				return &Error{CodeMalformed, field("data"), "must be an array"}
			}
			in.lo = len(d.r.tokens)
			err = d.data(&in, 0, field("data"))
			in.hi = len(d.r.tokens)
		default:
			_, err = d.c.skip()
		}
		return err
	})
	if err != nil {
		return in, err
	}
	switch {
	case in.Name == "":
		return in, &Error{CodeMalformed, field("name"), "must be given"}
	case in.Datatype == "":
		return in, &Error{CodeMalformed, field("datatype"), "must be given"}
	case len(in.Shape) == 0:
		return in, &Error{CodeMalformed, field("shape"), "must be given"}
	case in.nesting < 0:
		return in, &Error{CodeMalformed, field("data"), "must be given and hold an element"}
	}
	return in, in.check(field)
}

// check compares shape and data: the product of the shape must be the number of
// elements, and data is flat or nested as the shape says.
func (in *Input) check(field func(string) string) error {
	n := in.hi - in.lo
	product := 1
	for _, d := range in.Shape {
		if d <= 0 || d > n || product > n {
			product = -1
			break
		}
		product *= d
	}
	if product != n {
		return &Error{CodeTensor, field("data"), fmt.Sprintf("must hold as many elements as shape %v says; it holds %d", in.Shape, n)}
	}
	if in.nesting > 0 && (in.nesting != len(in.Shape)-1 || in.leaf != in.Shape[in.nesting]) {
		return &Error{CodeTensor, field("data"), fmt.Sprintf("must be flat or nested as shape %v says", in.Shape)}
	}
	return nil
}

func (d *decoder) shape(dst []int, field string) ([]int, error) {
	err := d.c.array(func() error {
		if len(dst) == 8 {
			return &Error{CodeTooLarge, field, "must have at most 8 dimensions"}
		}
		s, err := d.c.scalar()
		if err != nil {
			return err
		}
		v, err := strconv.ParseUint(string(d.r.body[s.from:s.to]), 10, 31)
		if err != nil {
			return &Error{CodeMalformed, field, "must hold whole numbers from 0 to 2147483647"}
		}
		dst = append(dst, int(v))
		return nil
	})
	return dst, err
}

// data flattens one array, and the arrays in it, into the request's tokens.
func (d *decoder) data(in *Input, nesting int, field string) error {
	first := len(d.r.tokens)
	err := d.c.array(func() error {
		if d.c.peek() == '[' {
			return d.data(in, nesting+1, field)
		}
		if len(d.r.tokens) == d.lim.Elements {
			return &Error{CodeTooLarge, field, fmt.Sprintf("must hold at most %d elements over all inputs", d.lim.Elements)}
		}
		s, err := d.c.scalar()
		if err != nil {
			return err
		}
		if in.nesting >= 0 && in.nesting != nesting {
			return &Error{CodeTensor, field, "must be nested to one depth"}
		}
		in.nesting = nesting
		d.r.tokens = append(d.r.tokens, s)
		return nil
	})
	if err != nil || in.nesting != nesting {
		return err
	}
	n := len(d.r.tokens) - first
	if in.leaf > 0 && in.leaf != n {
		return &Error{CodeTensor, field, "must not be ragged"}
	}
	in.leaf = n
	return nil
}

// members remembers the members of one object, to refuse a repeated one.
type members struct {
	few  [8]string
	n    int
	many map[string]struct{}
}

func (m *members) add(where, key string) error {
	again := false
	for _, k := range m.few[:min(m.n, len(m.few))] {
		again = again || k == key
	}
	if m.many != nil {
		_, ok := m.many[key]
		again = again || ok
	}
	if again {
		return &Error{CodeMalformed, where, fmt.Sprintf("must not hold %q twice", key)}
	}
	if m.n < len(m.few) {
		m.few[m.n] = key
	} else {
		if m.many == nil {
			m.many = map[string]struct{}{}
		}
		m.many[key] = struct{}{}
	}
	m.n++
	return nil
}
