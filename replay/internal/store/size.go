package store

import "github.com/perennial-ml/perennial/replay/example"

// What the parts of a store take, in bytes, beside the examples.
const (
	// SlotBytes stands for a slot and its entry in the index.
	SlotBytes = 28
	// MemberBytes stands for a slot's home, place and membership.
	MemberBytes = 14
	// GroupBytes stands for a group and its entry in the index.
	GroupBytes = 200
	// linkBytes is what the two links of a slot take.
	linkBytes = 8
)

// Size returns the bytes of the examples and of their slots.
func (s *Store) Size() int { return s.bytes + SlotBytes*s.Items.Len() }

// Bytes returns the bytes of all that is held.
func (g *Ring) Bytes() int { return g.Size() + linkBytes*g.Items.Len() }

// Bytes returns the bytes of all that is held.
func (g *Groups) Bytes() int {
	return g.Size() + g.SlotCost*g.Items.Len() + g.GroupCost*len(g.List)
}

// Cost is what an example takes in a slot, before it is packed.
func (g *Groups) Cost(ex *Example) int { return example.Size(ex) + SlotBytes + g.SlotCost }

// Room reports whether an example can be held beside all the others.
func (g *Groups) Room(ex *Example) bool {
	return g.Limits.Room(g.Items.Len(), g.Bytes(), g.Cost(ex))
}

// Oversized reports whether an example is too large to be held by itself.
func (g *Groups) Oversized(ex *Example) bool {
	return g.MaxBytes > 0 && g.Exceeds(g.Cost(ex)+g.GroupCost*(len(g.List)+1))
}
