package state

// A Form says what the memories of a kind hold beside examples.
type Form struct {
	Name     string // of the kind
	Code     uint32 // of the kind in the layout; 0 is no kind's
	Groups   Membership
	Sampled  bool // the account of a uniform sample
	Scored   bool // a score for each slot
	Featured bool // a feature vector for each slot, and means of them for each group
	Latest   bool // the latest examples, in their order, before the others
	Aged     bool // members in the order of their age, so that tickets move on
}

// Membership says whether slots are members of groups.
type Membership int

// The memberships: never, by configuration, always.
const (
	NoGroups Membership = iota
	MayGroup
	Grouped
)
