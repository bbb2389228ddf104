package feedback

import "fmt"

// Consent is what a person allowed to be done with an event (extension attribute
// "consent").
type Consent uint8

// The levels of consent. As text they are "", "none", "measure" and "learn".
const (
	ConsentUnset   Consent = iota // the attribute is absent: the configured default applies
	ConsentNone                   // refused: nothing of the event is stored
	ConsentMeasure                // scored, never learned
	ConsentLearn                  // scored and learned
)

const ruleConsent = "must be none, measure or learn"

// String returns the attribute's text.
func (c Consent) String() string {
	switch c {
	case ConsentUnset:
		return ""
	case ConsentNone:
		return "none"
	case ConsentMeasure:
		return "measure"
	case ConsentLearn:
		return "learn"
	}
	return fmt.Sprintf("Consent(%d)", uint8(c))
}

// ParseConsent reads the attribute's text; the empty text is ConsentUnset.
func ParseConsent(text string) (Consent, error) {
	switch text {
	case "":
		return ConsentUnset, nil
	case "none":
		return ConsentNone, nil
	case "measure":
		return ConsentMeasure, nil
	case "learn":
		return ConsentLearn, nil
	}
	return ConsentUnset, fmt.Errorf("consent: %s, got %q", ruleConsent, clip(text))
}

// MarshalText returns the attribute's text, for configurations.
func (c Consent) MarshalText() ([]byte, error) {
	if c > ConsentLearn {
		return nil, fmt.Errorf("consent: %s, got %s", ruleConsent, c)
	}
	return []byte(c.String()), nil
}

// UnmarshalText is ParseConsent, for configurations.
func (c *Consent) UnmarshalText(text []byte) (err error) {
	*c, err = ParseConsent(string(text))
	return err
}
