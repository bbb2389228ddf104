package feature

// Reason is a stable word for what Encode found wrong.
type Reason string

// The reasons of Encode.
const (
	Malformed Reason = "malformed_json"
	Duplicate Reason = "duplicate_key"
	TooDeep   Reason = "too_deep"
	WrongType Reason = "wrong_type" // the features are not an object
	Unknown   Reason = "feature_unknown"
	Missing   Reason = "feature_missing"
	Invalid   Reason = "feature_invalid"
)

// An Error says which feature broke which rule.
type Error struct {
	Reason Reason
	Field  string // the feature's key; empty for the object itself
	Rule   string
	Detail string
}

func (e *Error) Error() string {
	s := string(e.Reason) + ": features"
	if e.Field != "" {
		s += "." + e.Field
	}
	s += " " + e.Rule
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}
