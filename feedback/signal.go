package feedback

// SignalClass is a family of signals.
type SignalClass string

// The classes of signal.
const (
	Explicit SignalClass = "explicit" // a person said so
	Implicit SignalClass = "implicit" // a person behaved so
	Outcome  SignalClass = "outcome"  // it came true
)

// Class returns the family of the kind, or "" for a kind outside the taxonomy.
func (k SignalKind) Class() SignalClass {
	switch k {
	case Correctness, Correction, Rating, Preference:
		return Explicit
	case Click, Skip, Dwell:
		return Implicit
	case Conversion, TaskCompletion, Label:
		return Outcome
	}
	return ""
}

// SignalKinds returns the taxonomy in the order of docs/signals.md.
func SignalKinds() []SignalKind {
	return []SignalKind{
		Correctness, Correction, Rating, Preference,
		Click, Skip, Dwell,
		Conversion, TaskCompletion, Label,
	}
}
