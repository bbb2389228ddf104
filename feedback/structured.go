package feedback

import (
	"encoding/base64"
	"fmt"

	"github.com/perennial-ml/perennial/feedback/internal/jsonscan"
)

// maxEnvelopeDepth bounds the nesting of a batch of structured events: array,
// envelope, and what a payload may nest.
const maxEnvelopeDepth = maxDepth + 2

// ParseJSON reads a structured CloudEvent: one JSON object that holds attributes and
// data. The Event's Data shares body's memory. The error is always a *Refusal; the
// Event then holds what could be read.
func ParseJSON(body []byte) (Event, error) { return orError(parseStructured(body)) }

// parseStructured reads the envelope strictly, except that extension attributes are
// passed over. It reads on behind a fault, for the consent may follow.
func parseStructured(body []byte) (Event, *Refusal) {
	p := envelope{s: jsonscan.New(body, maxEnvelopeDepth)}
	if err := p.read(); err != nil {
		p.a.broken = scanRefusal(&p.s, "event", maxEnvelopeDepth, err)
	}
	return p.a.event(p.data)
}

type envelope struct {
	s       jsonscan.Scanner
	a       attributes
	data    []byte
	hasData bool
	// other holds the names of the extension attributes, to find duplicates.
	other map[string]struct{}
}

// blame records a fault outside the known attributes; the first one stays.
func (p *envelope) blame(r *Refusal) {
	if p.a.other == nil {
		p.a.other = r
	}
}

// read returns the Scanner's errors, and leaves all other faults in p.a.
func (p *envelope) read() error {
	if p.s.Kind() != jsonscan.Object {
		if _, err := p.s.Skip(); err != nil {
			return err
		}
		p.a.broken = refuse(CodeWrongType, "event", "must be a JSON object")
		return p.s.End()
	}
	if err := p.s.Open(); err != nil {
		return err
	}
	var scratch [64]byte
	for first := true; ; first = false {
		key, more, err := p.s.Key(scratch[:0], first)
		if err != nil {
			return err
		}
		if !more {
			return p.s.End()
		}
		switch i, known := attributeOf(string(key)); {
		case known:
			err = p.attribute(i)
		case string(key) == "data":
			err = p.payload()
		case string(key) == "data_base64":
			err = p.payloadBase64()
		default:
			err = p.extension(string(key))
		}
		if err != nil {
			return err
		}
	}
}

// attribute reads a string; null stands for an absent attribute, as CloudEvents has it.
func (p *envelope) attribute(i attribute) error {
	switch p.s.Kind() {
	case jsonscan.Null:
		return p.s.Null()
	case jsonscan.String:
		var scratch [64]byte
		text, err := p.s.Text(scratch[:0])
		if err == nil {
			p.a.put(i, intern(text))
		}
		return err
	}
	p.a.blame(i, refuse(CodeWrongType, i.String(), "must be a string"))
	if i == attrConsent {
		p.a.put(i, unreadable) // which is not the same as absent
	}
	_, err := p.s.Skip()
	return err
}

func (p *envelope) payload() error {
	if p.hasData {
		p.blame(refuse(CodeDuplicateKey, "data", "must stand once, as data or as data_base64"))
	}
	p.hasData = true
	raw, err := p.s.Skip()
	p.data = raw
	return err
}

func (p *envelope) payloadBase64() error {
	if p.s.Kind() != jsonscan.String {
		p.blame(refuse(CodeWrongType, "data_base64", "must be a string"))
		_, err := p.s.Skip()
		return err
	}
	if p.hasData {
		p.blame(refuse(CodeDuplicateKey, "data_base64", "must stand once, as data or as data_base64"))
	}
	p.hasData = true
	text, err := p.s.Text(nil)
	if err != nil {
		return err
	}
	data, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		p.blame(refuse(CodeAttribute, "data_base64", "must be base64"))
	}
	p.data = data
	return nil
}

// extension checks the name and the type of an attribute that is not kept.
func (p *envelope) extension(name string) error {
	if _, twice := p.other[name]; twice {
		p.blame(refuse(CodeDuplicateKey, clip(name), ruleOnce))
	}
	if p.other == nil {
		p.other = make(map[string]struct{})
	}
	p.other[name] = struct{}{}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			p.blame(refuse(CodeAttribute, clip(name), "must be named in lower-case ASCII letters and digits"))
			break
		}
	}
	if name == "" {
		p.blame(refuse(CodeAttribute, clip(name), "must have a name"))
	}
	const rule = "must be a string, a boolean or a 32-bit integer"
	switch p.s.Kind() {
	case jsonscan.Number:
		text, err := p.s.Number()
		if err != nil {
			return err
		}
		if v, ok := jsonscan.Integer(text); !ok || v != int64(int32(v)) {
			p.blame(refuse(CodeAttribute, clip(name), rule))
		}
		return nil
	case jsonscan.Object, jsonscan.Array:
		p.blame(refuse(CodeAttribute, clip(name), rule))
	}
	_, err := p.s.Skip()
	return err
}

// scanRefusal turns a Scanner's error into a Refusal.
func scanRefusal(s *jsonscan.Scanner, field string, depth int, err error) *Refusal {
	at := fmt.Sprintf("at byte %d", s.Pos())
	switch err {
	case jsonscan.ErrDepth:
		return &Refusal{Code: CodeTooDeep, Field: field, Rule: fmt.Sprintf("must nest at most %d deep", depth), Detail: at}
	case jsonscan.ErrDuplicate:
		return &Refusal{Code: CodeDuplicateKey, Field: field, Rule: "must name each key once", Detail: at}
	case jsonscan.ErrText:
		return &Refusal{Code: CodeMalformed, Field: field, Rule: "must be valid UTF-8 without halves of surrogate pairs", Detail: at}
	}
	return &Refusal{Code: CodeMalformed, Field: field, Rule: "must be JSON", Detail: at}
}
