package state

import (
	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// A State is what a memory held at one time. It shares examples and pages with the memory,
// and never changes. The zero State is no memory's.
type State struct {
	Form  Form
	Items column.Column[*example.Example]
	// Rest are the examples that are not among the latest, in the slots after those: of
	// forms with Latest.
	Rest column.Column[*example.Example]
	// Sample is the account of a uniform sample: of all examples, or of the Rest.
	Sample sample.Uniform
	// Oldest and Newer are the order of the latest: the first slot, or store.None, and by
	// slot the next one.
	Oldest int
	Newer  column.Column[int32]
	// List holds the groups, without their members' slots, and Seats say which slot belongs
	// to which.
	List  []store.Group
	Seats column.Column[store.Seat]
	// Scores are by slot.
	Scores column.Column[uint32]
	// Features are by slot, of Width numbers each.
	Features column.Column[[]float32]
	Width    int
}

// Len returns the number of examples.
func (s *State) Len() int { return s.Items.Len() + s.Rest.Len() }

// Groups lists the groups with their members' slots. It is the caller's, but for their means.
func (s *State) Groups() []store.Group {
	list := make([]store.Group, len(s.List))
	for i, gr := range s.List {
		gr.Members = store.NewMembers(gr.Members.First, gr.Members.N)
		list[i] = gr
	}
	for slot := range s.Seats.Len() {
		at := s.Seats.At(slot)
		*list[at.Home].Members.Of(at.Ticket) = int32(slot)
	}
	return list
}

// examples lists the examples by slot. The slice is the caller's.
func (s *State) examples() []*example.Example { return append(s.Items.List(), s.Rest.List()...) }

// byAge lists the slots of the latest from the oldest to the newest.
func (s *State) byAge() []int {
	order := make([]int, 0, s.Newer.Len())
	for slot := s.Oldest; len(order) < s.Newer.Len(); slot = int(s.Newer.At(slot)) {
		order = append(order, slot)
	}
	return order
}
