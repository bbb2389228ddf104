package feedback

import (
	"fmt"
	"strconv"
)

// Code is a stable reason for refusing an event; the list is in docs/refusals.md.
type Code string

// The codes. They are part of the interface: new ones may come, none changes its
// meaning.
const (
	CodeConsentRefused    Code = "consent_refused"    // the person allowed nothing
	CodeConsentUnreadable Code = "consent_unreadable" // consent is neither none, measure nor learn

	CodeMediaType   Code = "unsupported_media_type" // not a CloudEvent, or its data is not JSON
	CodeSpecVersion Code = "unsupported_specversion"
	CodeAttribute   Code = "invalid_attribute" // a context attribute breaks its rule
	CodeUnknownType Code = "unknown_type"
	CodeTooMany     Code = "too_many_events" // in one batch

	CodeMalformed    Code = "malformed_json"
	CodeTooLarge     Code = "too_large"
	CodeTooDeep      Code = "too_deep"
	CodeDuplicateKey Code = "duplicate_key"
	CodeUnknownField Code = "unknown_field"
	CodeMissingField Code = "missing_field"
	CodeWrongType    Code = "wrong_type"   // a field's JSON type
	CodeOutOfRange   Code = "out_of_range" // a field's value
	CodeUnknownKind  Code = "unknown_kind" // of a signal, operation, action or channel
	CodeConflict     Code = "conflicting_fields"
	CodeLeakage      Code = "leakage" // features that were not known when the prediction was served

	CodeFeatureUnknown Code = "feature_unknown"
	CodeFeatureMissing Code = "feature_missing"
	CodeFeatureInvalid Code = "feature_invalid"

	CodeNoVersion  Code = "no_such_version"    // a rollback to a version that is not durable
	CodeNoLearner  Code = "no_learner"         // a control sent to a server that learns nothing
	CodeUnprepared Code = "control_unprepared" // a rollback that came into the log past the learner
)

// Codes returns every code of this package, in the order of docs/refusals.md.
func Codes() []Code {
	return []Code{
		CodeConsentRefused, CodeConsentUnreadable,
		CodeMediaType, CodeSpecVersion, CodeAttribute, CodeUnknownType, CodeTooMany,
		CodeMalformed, CodeTooLarge, CodeTooDeep, CodeDuplicateKey, CodeUnknownField, CodeMissingField,
		CodeWrongType, CodeOutOfRange, CodeUnknownKind, CodeConflict, CodeLeakage,
		CodeFeatureUnknown, CodeFeatureMissing, CodeFeatureInvalid,
		CodeNoVersion, CodeNoLearner, CodeUnprepared,
	}
}

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

func refuse(code Code, field, rule string) *Refusal {
	return &Refusal{Code: code, Field: field, Rule: rule}
}

// clip returns a name from outside as something that fits in a message or a header.
func clip[T string | []byte](name T) string {
	const most = 64
	if len(name) > 0 && len(name) <= most && printable(name) {
		return string(name)
	}
	if len(name) > most {
		return strconv.QuoteToASCII(string(name[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(name))
}
