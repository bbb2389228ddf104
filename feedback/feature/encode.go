package feature

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/perennial-ml/perennial/feedback/internal/jsonscan"
)

// maxDepth bounds nesting in the features: the object, a vector, and a little more
// for values that are ignored.
const maxDepth = 8

// Encode reads an object keyed by feature name, in one pass, and returns its row.
// The row shares no memory with raw. Every error is an *Error.
func (d *Dictionary) Encode(raw json.RawMessage) (Row, error) {
	e := encoder{d: d, s: jsonscan.New(raw, maxDepth)}
	e.row.Dense = make([]float32, d.dense)
	if n := len(d.categories); n > 0 {
		e.row.Categories = make([]int32, n)
	}
	if err := e.object(); err != nil {
		return Row{}, err
	}
	return e.row, nil
}

type encoder struct {
	d    *Dictionary
	s    jsonscan.Scanner
	row  Row
	seen [MaxFeatures / 64]uint64 // features that had a key
	null [MaxFeatures / 64]uint64 // of those, the ones that are missing after all
	// wrong is the element by which the last array broke its rule, length how many it had.
	wrong, length int
}

// object returns a plain error, nil without an *Error's type, for Encode to pass on.
func (e *encoder) object() error {
	if e.s.Kind() != jsonscan.Object {
		return &Error{Reason: WrongType, Rule: "must be an object keyed by feature name"}
	}
	if err := e.s.Open(); err != nil {
		return e.fail("", err)
	}
	var ignored map[string]struct{}
	var scratch [128]byte
	guess := 0 // producers mostly send features in the dictionary's order
	for first := true; ; first = false {
		key, more, err := e.s.Key(scratch[:0], first)
		if err != nil {
			return e.fail("", err)
		}
		if !more {
			break
		}
		i, known := guess, guess < len(e.d.features) && e.d.features[guess].Name == string(key)
		if !known {
			i, known = e.d.byName[string(key)]
		}
		if !known {
			if ignored, err = e.unknown(key, ignored); err != nil {
				return err
			}
			continue
		}
		guess = i + 1
		if e.seen[i/64]&(1<<(i%64)) != 0 {
			return &Error{Reason: Duplicate, Field: e.d.features[i].Name, Rule: "must stand once"}
		}
		e.seen[i/64] |= 1 << (i % 64)
		if err := e.value(i); err != nil {
			return err
		}
	}
	if err := e.s.End(); err != nil {
		return e.fail("", err)
	}
	return e.missing()
}

func (e *encoder) unknown(key []byte, ignored map[string]struct{}) (map[string]struct{}, error) {
	name := clip(key)
	if !e.d.ignore {
		return nil, &Error{Reason: Unknown, Field: name, Rule: "must be a feature of the dictionary"}
	}
	if _, twice := ignored[string(key)]; twice {
		return nil, &Error{Reason: Duplicate, Field: name, Rule: "must stand once"}
	}
	if ignored == nil {
		ignored = make(map[string]struct{})
	}
	ignored[string(key)] = struct{}{}
	if _, err := e.s.SkipUnique(); err != nil {
		return nil, e.fail(name, err)
	}
	return ignored, nil
}

// value reads the value of feature i into the row.
func (e *encoder) value(i int) error {
	f := &e.d.features[i]
	kind := e.s.Kind()
	if kind == jsonscan.Null {
		e.null[i/64] |= 1 << (i % 64)
		if err := e.s.Null(); err != nil {
			return e.fail(f.Name, err)
		}
		return nil
	}
	var rule string
	var err error
	switch {
	case f.Kind == Numeric && kind == jsonscan.Number:
		rule, err = e.number(f, &e.d.slots[i], 0)
	case f.Kind == Vector && kind == jsonscan.Array:
		rule, err = e.vector(f, &e.d.slots[i])
	case f.Kind == Categorical && f.Max > 0 && kind == jsonscan.Array:
		rule, err = e.categories(f, &e.d.slots[i])
	case f.Kind == Categorical && f.Max == 0 && (kind == jsonscan.String || kind == jsonscan.Number):
		rule, err = e.category(&e.d.slots[i], kind, 0)
	default:
		rule = wants(f)
		_, err = e.s.SkipUnique()
	}
	if err != nil {
		return e.fail(f.Name, err)
	}
	if rule == "" {
		return nil
	}
	policy := f.Invalid
	if rule == e.d.slots[i].beyond {
		policy = f.Beyond
	}
	if policy == Refuse {
		return &Error{Reason: Invalid, Field: f.Name, Rule: rule, Detail: e.detail(f, kind)}
	}
	e.fallBack(i)
	return nil
}

// detail says where an array broke the rule of its feature.
func (e *encoder) detail(f *Feature, kind jsonscan.Kind) string {
	most := f.Dim + f.Max // either is 0
	switch {
	case kind != jsonscan.Array || most == 0:
		return ""
	case e.wrong < min(e.length, most):
		return "broken by element " + strconv.Itoa(e.wrong)
	}
	return "has " + strconv.Itoa(e.length) + " elements"
}

const ruleFinite = "must be finite, also once standardised and held as a float32"

func wants(f *Feature) string {
	switch f.Kind {
	case Numeric:
		return "must be a number"
	case Vector:
		return "must be an array of " + strconv.Itoa(f.Dim) + " numbers"
	}
	if f.Max > 0 {
		return "must be an array of at most " + strconv.Itoa(f.Max) + " strings or integers"
	}
	return "must be a string or an integer"
}

// number reads one element of a number or vector into the row.
func (e *encoder) number(f *Feature, s *slot, element int) (rule string, err error) {
	x, err := e.s.Float()
	if err != nil {
		return "", err
	}
	v, ok := f.standardise(x)
	if !ok {
		return ruleFinite, nil
	}
	if f.beyond(v) {
		if f.Beyond != Clip {
			return s.beyond, nil
		}
		v = float32(math.Copysign(f.Bound, float64(v)))
	}
	e.row.Dense[s.at+element] = v
	return "", nil
}

// vector consumes the whole array even when it breaks a rule, so that the object
// can be read on.
func (e *encoder) vector(f *Feature, s *slot) (rule string, err error) {
	if err := e.s.Open(); err != nil {
		return "", err
	}
	n := 0
	for first := true; ; first = false {
		more, err := e.s.Elem(first)
		if err != nil {
			return "", err
		}
		if !more {
			break
		}
		if n >= f.Dim || e.s.Kind() != jsonscan.Number {
			if rule == "" || rule == s.beyond {
				rule, e.wrong = wants(f), n
			}
			if _, err := e.s.SkipUnique(); err != nil {
				return "", err
			}
		} else if broken, err := e.number(f, s, n); err != nil {
			return "", err
		} else if broken != "" && (rule == "" || rule == s.beyond && broken != rule) {
			rule, e.wrong = broken, n
		}
		n++
	}
	if n != f.Dim && (rule == "" || rule == s.beyond) {
		rule, e.wrong = wants(f), n
	}
	e.length = n
	return rule, nil
}

// categories consumes the whole array, like vector, and leaves the places behind it empty.
func (e *encoder) categories(f *Feature, s *slot) (rule string, err error) {
	if err := e.s.Open(); err != nil {
		return "", err
	}
	n := 0
	for first := true; ; first = false {
		more, err := e.s.Elem(first)
		if err != nil {
			return "", err
		}
		if !more {
			break
		}
		if kind := e.s.Kind(); n >= f.Max || kind != jsonscan.String && kind != jsonscan.Number {
			if rule == "" {
				rule, e.wrong = wants(f), n
			}
			if _, err := e.s.SkipUnique(); err != nil {
				return "", err
			}
		} else if broken, err := e.category(s, kind, n); err != nil {
			return "", err
		} else if rule == "" {
			rule, e.wrong = broken, n
		}
		n++
	}
	e.clear(f, s, n)
	e.length = n
	return rule, nil
}

// clear leaves an array's places from one on empty.
func (e *encoder) clear(f *Feature, s *slot, from int) {
	for i := from; i < f.Max; i++ {
		e.row.Categories[s.at+i] = NoCategory
	}
}

// category reads one value into the feature's place of that number.
func (e *encoder) category(s *slot, kind jsonscan.Kind, place int) (rule string, err error) {
	var scratch [64]byte
	var value []byte
	if kind == jsonscan.String {
		if value, err = e.s.Text(scratch[:0]); err != nil {
			return "", err
		}
	} else {
		text, err := e.s.Number()
		if err != nil {
			return "", err
		}
		v, ok := jsonscan.Integer(text)
		if !ok {
			return "must be a string or an integer of at most 53 bits", nil
		}
		value = strconv.AppendInt(scratch[:0], v, 10)
	}
	e.row.Categories[s.at+place] = s.category(value)
	return "", nil
}

// missing applies the policy for features that had no value.
func (e *encoder) missing() error {
	for i := range e.d.features {
		bit := uint64(1) << (i % 64)
		if e.seen[i/64]&bit != 0 && e.null[i/64]&bit == 0 {
			continue
		}
		if f := &e.d.features[i]; f.Missing == Refuse {
			return &Error{Reason: Missing, Field: f.Name, Rule: "must be present and not null"}
		}
		e.fallBack(i)
	}
	return nil
}

func (e *encoder) fallBack(i int) {
	s := &e.d.slots[i]
	f := &e.d.features[i]
	if f.Kind == Categorical {
		e.row.Categories[s.at] = s.bucket
		e.clear(f, s, 1)
		return
	}
	for c := s.at; c < s.at+f.columns(); c++ {
		e.row.Dense[c] = s.number
	}
}

// fail turns a Scanner's error into an *Error.
func (e *encoder) fail(field string, err error) error {
	at := fmt.Sprintf("byte %d of the features", e.s.Pos())
	switch {
	case errors.Is(err, jsonscan.ErrDuplicate):
		return &Error{Reason: Duplicate, Field: field, Rule: "must name each key once", Detail: at}
	case errors.Is(err, jsonscan.ErrDepth):
		return &Error{Reason: TooDeep, Field: field, Rule: fmt.Sprintf("must nest at most %d deep", maxDepth), Detail: at}
	}
	return &Error{Reason: Malformed, Field: field, Rule: "must be JSON: " + err.Error(), Detail: at}
}

// clip returns a name from outside as something that fits in a message.
func clip(name []byte) string {
	const most = 64
	cut := len(name) > most
	if cut {
		name = name[:most]
	}
	s := string(name)
	if !printable(s, most) {
		s = strconv.QuoteToASCII(s)
	}
	if cut {
		s += "..."
	}
	return s
}
