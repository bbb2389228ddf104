package feedback

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/perennial-ml/perennial/feedback/internal/jsonscan"
)

// payload reads one event's data. It lives for one call of Decode.
type payload struct {
	d *Decoder
	s jsonscan.Scanner
}

// fieldSet has bit i set if field i of an object was present.
type fieldSet uint32

func (f fieldSet) has(i int) bool { return f&(1<<i) != 0 }

// object reads an object at path whose fields are names, calling visit, which must
// consume the value, for each one present. Other and repeated fields are refused.
func (p *payload) object(path string, names []string, visit func(i int) *Refusal) (fieldSet, *Refusal) {
	if p.s.Kind() != jsonscan.Object {
		return 0, p.wrongType(path, "must be an object")
	}
	if err := p.s.Open(); err != nil {
		return 0, p.fail(path, err)
	}
	var seen fieldSet
	var scratch [64]byte
	for first := true; ; first = false {
		key, more, err := p.s.Key(scratch[:0], first)
		if err != nil {
			return seen, p.fail(path, err)
		}
		if !more {
			return seen, nil
		}
		i := 0
		for i < len(names) && names[i] != string(key) {
			i++
		}
		if i == len(names) {
			return seen, refuse(CodeUnknownField, path+"."+clip(key), "must not be present: there is no such field")
		}
		if seen.has(i) {
			return seen, refuse(CodeDuplicateKey, path+"."+names[i], ruleOnce)
		}
		seen |= 1 << i
		if r := visit(i); r != nil {
			return seen, r
		}
	}
}

// end refuses anything behind the payload's value.
func (p *payload) end() *Refusal {
	if err := p.s.End(); err != nil {
		return p.fail("data", err)
	}
	return nil
}

func (p *payload) fail(path string, err error) *Refusal {
	return scanRefusal(&p.s, path, maxDepth, err)
}

// wrongType refuses a value for its JSON type, or as malformed if none starts here.
func (p *payload) wrongType(path, rule string) *Refusal {
	if p.s.Kind() == jsonscan.None {
		return p.fail(path, jsonscan.ErrSyntax)
	}
	return refuse(CodeWrongType, path, rule)
}

func missing(path string) *Refusal {
	return refuse(CodeMissingField, path, "must be present")
}

func (p *payload) text(path string) (string, *Refusal) {
	if p.s.Kind() != jsonscan.String {
		return "", p.wrongType(path, "must be a string")
	}
	var scratch [64]byte
	text, err := p.s.Text(scratch[:0])
	if err != nil {
		return "", p.fail(path, err)
	}
	return intern(text), nil
}

func (p *payload) identifier(path string) (string, *Refusal) {
	text, r := p.text(path)
	if r == nil && !identifier(text) {
		return "", refuse(CodeOutOfRange, path, ruleID)
	}
	return text, r
}

// words reads a text for people of at most most characters.
func (p *payload) words(path string, most int) (string, *Refusal) {
	text, r := p.text(path)
	if r == nil && !short(text, most) {
		return "", refuse(CodeOutOfRange, path, ruleShort(most))
	}
	return text, r
}

func short(text string, most int) bool {
	return utf8.RuneCountInString(text) <= most && !hasControls(text)
}

func ruleShort(most int) string {
	return fmt.Sprintf("must be at most %d characters, none of them a control", most)
}

func hasControls(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return true
		}
	}
	return false
}

const ruleFinite = "must be finite, also as a float32"

// number reads a number that a float32 can hold.
func (p *payload) number(path string) (float64, *Refusal) {
	if p.s.Kind() != jsonscan.Number {
		return 0, p.wrongType(path, "must be a number")
	}
	v, err := p.s.Float()
	if err != nil {
		return 0, p.fail(path, err)
	}
	if math.Abs(v) > math.MaxFloat32 {
		return 0, refuse(CodeOutOfRange, path, ruleFinite)
	}
	return v, nil
}

// unit reads a number in [0, 1].
func (p *payload) unit(path string) (float64, *Refusal) {
	v, r := p.number(path)
	if r == nil && (v < 0 || v > 1) {
		return 0, refuse(CodeOutOfRange, path, "must be 0 to 1")
	}
	return v, r
}

// position reads a place in the log.
func (p *payload) position(path string) (uint64, *Refusal) {
	if p.s.Kind() != jsonscan.Number {
		return 0, p.wrongType(path, "must be an integer")
	}
	text, err := p.s.Number()
	if err != nil {
		return 0, p.fail(path, err)
	}
	v, ok := jsonscan.Integer(text)
	if !ok || v < 0 {
		return 0, refuse(CodeOutOfRange, path, "must be an integer from 0 to 2^53-1")
	}
	return uint64(v), nil
}

func (p *payload) boolean(path string) (bool, *Refusal) {
	if p.s.Kind() != jsonscan.Bool {
		return false, p.wrongType(path, "must be true or false")
	}
	v, err := p.s.Bool()
	if err != nil {
		return false, p.fail(path, err)
	}
	return v, nil
}

// features returns a copy of the features' text, checked as JSON alone.
func (p *payload) features() ([]byte, *Refusal) {
	if p.s.Kind() != jsonscan.Object {
		return nil, p.wrongType("data.features", "must be an object keyed by feature name")
	}
	raw, err := p.s.Skip()
	if err != nil {
		return nil, p.fail("data.features", err)
	}
	return append([]byte(nil), raw...), nil
}

// Bounds of segment and flag labels.
const (
	maxLabels     = 32
	maxLabelKey   = 64
	maxLabelValue = 256
)

// labels reads an object of short texts.
func (p *payload) labels(path string) (map[string]string, *Refusal) {
	if p.s.Kind() != jsonscan.Object {
		return nil, p.wrongType(path, "must be an object of strings")
	}
	if err := p.s.Open(); err != nil {
		return nil, p.fail(path, err)
	}
	out := make(map[string]string)
	var scratch [64]byte
	for first := true; ; first = false {
		key, more, err := p.s.Key(scratch[:0], first)
		if err != nil {
			return nil, p.fail(path, err)
		}
		if !more {
			return out, nil
		}
		if !labelKey(key) {
			return nil, refuse(CodeOutOfRange, path+"."+clip(key), "must be named in 1 to 64 printable ASCII characters without spaces and '='")
		}
		name := string(key)
		if _, twice := out[name]; twice {
			return nil, refuse(CodeDuplicateKey, path+"."+name, ruleOnce)
		}
		if len(out) == maxLabels {
			return nil, refuse(CodeOutOfRange, path, fmt.Sprintf("must hold at most %d labels", maxLabels))
		}
		value, r := p.text(path)
		if r == nil && !short(value, maxLabelValue) {
			r = refuse(CodeOutOfRange, path, ruleShort(maxLabelValue))
		}
		if r != nil {
			r.Field = path + "." + name
			return nil, r
		}
		out[name] = value
	}
}

func labelKey(key []byte) bool {
	if len(key) == 0 || len(key) > maxLabelKey || !printable(key) {
		return false
	}
	for _, c := range key {
		if c == '=' {
			return false
		}
	}
	return true
}
