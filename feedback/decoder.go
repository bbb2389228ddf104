package feedback

import (
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/feedback/internal/jsonscan"
)

// maxDepth bounds the nesting of a payload.
const maxDepth = 10

const ruleConsentGiven = "must be measure or learn: the person allowed nothing"

// A Decoder turns events into records: it checks payloads against a model's
// configuration and encodes features. Create it with NewDecoder; it is immutable.
type Decoder struct {
	config DecoderConfig
}

// NewDecoder fills in defaults, checks the configuration and returns its Decoder.
// The error names field and rule.
func NewDecoder(c DecoderConfig) (*Decoder, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	return &Decoder{config: c}, nil
}

// Config returns the configuration with its defaults filled in.
func (d *Decoder) Config() DecoderConfig { return d.config }

// Decode checks an event whole and returns its record, with the consent resolved
// for predictions and feedback, and without Data. It is a function of the event and
// the configuration. The error is always a *Refusal; for an event whose consent is
// none, or none by default, it is CodeConsentRefused whatever else is wrong.
func (d *Decoder) Decode(e Event) (*Record, error) {
	rec, r := d.decode(e)
	if r != nil {
		return nil, r
	}
	return rec, nil
}

// MayKeep reports whether an event that was refused may be kept, say as a dead
// letter, with its payload: its consent could be read and is not none, nor none by
// default.
func (d *Decoder) MayKeep(e Event, r *Refusal) bool {
	switch {
	case r != nil && (r.Code == CodeConsentRefused || r.Code == CodeConsentUnreadable):
		return false
	case e.Consent == ConsentUnset && personal(e.Type):
		return d.config.DefaultConsent != ConsentNone
	}
	return e.Consent != ConsentNone
}

// personal reports whether events of a type are about a person; types that are not
// known may be.
func personal(eventType string) bool {
	return eventType != TypeControl && eventType != TypeTick
}

func (d *Decoder) decode(e Event) (*Record, *Refusal) {
	if personal(e.Type) {
		if e.Consent == ConsentUnset {
			e.Consent = d.config.DefaultConsent
		}
		if e.Consent == ConsentNone {
			return nil, refuse(CodeConsentRefused, "consent", ruleConsentGiven)
		}
	}
	if e.Consent > ConsentLearn {
		return nil, refuse(CodeConsentUnreadable, "consent", ruleConsent)
	}
	if r := e.check(); r != nil {
		return nil, r
	}
	if len(e.Data) > d.config.MaxBytes {
		return nil, refuse(CodeTooLarge, "data", fmt.Sprintf("must be at most %d bytes", d.config.MaxBytes))
	}
	in := payload{d: d, s: jsonscan.New(e.Data, maxDepth)}
	e.Data = nil
	switch e.Type {
	case TypePrediction:
		return in.prediction(e)
	case TypeFeedback:
		return in.feedback(e)
	case TypeControl:
		return in.control(e)
	case TypeTick:
		return in.tick(e)
	}
	return nil, &Refusal{
		Code: CodeUnknownType, Field: "type",
		Rule:   "must be one of the perennial types: prediction, feedback, control or tick, .v1",
		Detail: clip(e.Type),
	}
}

// encode turns features into a row, and the dictionary's errors into refusals.
func (d *Decoder) encode(raw []byte) (feature.Row, *Refusal) {
	row, err := d.config.Dictionary.Encode(raw)
	if err == nil {
		return row, nil
	}
	var fe *feature.Error
	if !errors.As(err, &fe) {
		return row, &Refusal{Code: CodeFeatureInvalid, Field: "data.features", Rule: err.Error()}
	}
	field := "data.features"
	if fe.Field != "" {
		field += "." + fe.Field
	}
	return row, &Refusal{Code: Code(fe.Reason), Field: field, Rule: fe.Rule, Detail: fe.Detail}
}
