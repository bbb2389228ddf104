package oip

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
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
	var seen once
	err := d.c.object(func(key []byte) error {
		switch string(key) {
		case "id":
			return seen.read(0, "body", "id", d.id)
		case "parameters":
			return seen.read(1, "body", "parameters", d.parameters)
		case "inputs":
			return seen.read(2, "body", "inputs", d.inputs)
		case "outputs":
			return seen.read(3, "body", "outputs", d.outputs)
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
	var seen map[string]struct{}
	return d.c.object(func(key []byte) error {
		name := string(key)
		if len(d.r.Parameters) > 0 {
			if seen == nil {
				seen = map[string]struct{}{d.r.Parameters[0].Name: {}}
			}
			if _, twice := seen[name]; twice {
				return repeated("parameters", name)
			}
			seen[name] = struct{}{}
		}
		s, err := d.c.skip()
		if err != nil {
			return err
		}
		d.r.Parameters = append(d.r.Parameters, Parameter{Name: name, Value: d.r.body[s.from:s.to]})
		return nil
	})
}

func (d *decoder) outputs() error {
	return d.c.array(func() error {
		if len(d.r.Outputs) >= d.lim.Inputs {
			return &Error{CodeTooLarge, "outputs", fmt.Sprintf("must name at most %d tensors", d.lim.Inputs)}
		}
		name := ""
		err := d.c.object(func(key []byte) error {
			if string(key) != "name" {
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
	in := Input{nesting: -1}
	if cap(d.r.Inputs) > at {
		in.Shape = d.r.Inputs[:at+1][at].Shape[:0]
	}
	members := [...]string{"name", "datatype", "shape", "data"}
	var seen once
	err := d.c.object(func(key []byte) error {
		i := slices.Index(members[:], string(key))
		if i < 0 {
			_, err := d.c.skip()
			return err
		}
		if seen.has(i) {
			return repeated("inputs["+strconv.Itoa(at)+"]", members[i])
		}
		return d.inputMember(&in, at, i)
	})
	if err != nil {
		return in, err
	}
	for i, missing := range [...]bool{in.Name == "", in.Datatype == "", len(in.Shape) == 0, in.nesting < 0} {
		if missing {
			return in, &Error{CodeMalformed, inputField(at, members[i]), "must be given and not be empty"}
		}
	}
	return in, in.check(at)
}

// inputMember reads one member: 0 to 3 are name, datatype, shape and data.
func (d *decoder) inputMember(in *Input, at, member int) (err error) {
	switch member {
	case 0:
		in.Name, err = d.c.text()
	case 1:
		var raw []byte
		raw, err = d.c.raw()
		in.Datatype = intern(raw)
	case 2:
		in.Shape, err = d.shape(in.Shape, at)
	case 3:
		if d.c.peek() != '[' {
			return &Error{CodeMalformed, inputField(at, "data"), "must be an array"}
		}
		in.lo = len(d.r.tokens)
		err = d.data(in, 0, at)
		in.hi = len(d.r.tokens)
	}
	return err
}

// inputField is the path of a member of an input, for errors.
func inputField(at int, name string) string { return "inputs[" + strconv.Itoa(at) + "]." + name }

// check compares shape and data: the product of the shape must be the number of
// elements, and data is flat or nested as the shape says.
func (in *Input) check(at int) error {
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
		return &Error{CodeTensor, inputField(at, "data"), fmt.Sprintf("must hold as many elements as shape %v says; it holds %d", in.Shape, n)}
	}
	if in.nesting > 0 && (in.nesting != len(in.Shape)-1 || in.leaf != in.Shape[in.nesting]) {
		return &Error{CodeTensor, inputField(at, "data"), fmt.Sprintf("must be flat or nested as shape %v says", in.Shape)}
	}
	return nil
}

func (d *decoder) shape(dst []int, at int) ([]int, error) {
	err := d.c.array(func() error {
		if len(dst) == 8 {
			return &Error{CodeTooLarge, inputField(at, "shape"), "must have at most 8 dimensions"}
		}
		s, err := d.c.scalar()
		if err != nil {
			return err
		}
		v, err := strconv.ParseUint(string(d.r.body[s.from:s.to]), 10, 31)
		if err != nil {
			return &Error{CodeMalformed, inputField(at, "shape"), "must hold whole numbers from 0 to 2147483647"}
		}
		dst = append(dst, int(v))
		return nil
	})
	return dst, err
}

// data flattens one array, and the arrays in it, into the request's tokens.
func (d *decoder) data(in *Input, nesting, at int) error {
	first := len(d.r.tokens)
	err := d.c.array(func() error {
		if d.c.peek() == '[' {
			return d.data(in, nesting+1, at)
		}
		if len(d.r.tokens) == d.lim.Elements {
			return &Error{CodeTooLarge, inputField(at, "data"), fmt.Sprintf("must hold at most %d elements over all inputs", d.lim.Elements)}
		}
		s, err := d.c.scalar()
		if err != nil {
			return err
		}
		if in.nesting >= 0 && in.nesting != nesting {
			return &Error{CodeTensor, inputField(at, "data"), "must be nested to one depth"}
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
		return &Error{CodeTensor, inputField(at, "data"), "must not be ragged"}
	}
	in.leaf = n
	return nil
}

// once remembers which known members of one object were there: a bit each.
type once uint8

// has reports whether member i was there, and notes that it is now.
func (m *once) has(i int) bool {
	was := *m&(1<<i) != 0
	*m |= 1 << i
	return was
}

func (m *once) read(i int, where, key string, member func() error) error {
	if m.has(i) {
		return repeated(where, key)
	}
	return member()
}

func repeated(where, key string) error {
	return &Error{CodeMalformed, where, fmt.Sprintf("must not hold %q twice", key)}
}
