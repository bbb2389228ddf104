package guard

// Action is what a verdict asks for.
type Action string

const (
	Promote  Action = "promote"
	Hold     Action = "hold"
	Reject   Action = "reject"
	RollBack Action = "rollback"
)

// A Verdict is a decision with its reason, in words for a person.
type Verdict struct {
	Action Action
	Reason string
}

// Evidence is what the engine shows a policy about one candidate: losses of the
// candidate and of stable on the same examples, each taken before either learned from it.
type Evidence struct {
	N         int     // examples in the window
	Candidate float64 // mean prequential loss, nats or squared units
	Stable    float64 // the same of stable
	Pinned    bool    // a person pinned stable
	// Probation says that stable was rolled back, and no candidate has been
	// promoted since.
	Probation bool
}

// A Policy judges a candidate. It is a pure function of the evidence.
type Policy interface {
	Judge(Evidence) Verdict
}
