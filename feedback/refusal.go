package feedback

import "fmt"

// Code is a stable reason for refusing an event; the list is in docs/refusals.md.
type Code string

// A Refusal says why an event was not accepted: which field broke which rule.
type Refusal struct {
	Code   Code   `json:"code"`
	Field  string `json:"field"` // e.g. "data.signal.value"; an attribute's own name for the envelope
	Rule   string `json:"rule"`  // e.g. "must be finite"
	Detail string `json:"detail,omitempty"`
}

func (r *Refusal) Error() string {
	if r.Detail == "" {
		return fmt.Sprintf("%s: %s %s", r.Code, r.Field, r.Rule)
	}
	return fmt.Sprintf("%s: %s %s: %s", r.Code, r.Field, r.Rule, r.Detail)
}
