package state

import (
	"github.com/perennial-ml/perennial/replay/internal/sample"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// check reports ErrCorrupt unless the parts of a state belong together.
func (s *State) check() error {
	grouped := s.Form.Groups == Grouped || s.Form.Groups == MayGroup && len(s.List) > 0
	switch {
	case !grouped && len(s.List) > 0:
		return corrupt("kind %s has no groups", s.Form.Name)
	case !s.Form.Sampled && s.Sample != sample.Uniform{}:
		return corrupt("kind %s has no reservoir", s.Form.Name)
	}
	ids := make(map[string]struct{}, s.Len())
	for i, ex := range s.examples() {
		if _, ok := ids[ex.ID]; ok && ex.ID != "" {
			return corrupt("examples %d has the id %q of an earlier one", i, ex.ID)
		}
		ids[ex.ID] = struct{}{}
	}
	if err := s.checkOrder(); err != nil || !grouped {
		return err
	}
	return s.checkGroups()
}

// checkOrder follows the links of a ring, which must lead once through all of it.
func (s *State) checkOrder() error {
	slot := s.Oldest
	for range s.Newer.Len() {
		if slot < 0 || slot >= s.Newer.Len() {
			return corrupt("slot %d does not exist or is taken twice", slot)
		}
		slot = int(s.Newer.At(slot))
	}
	if slot != store.None {
		return corrupt("slot %d comes after the newest", slot)
	}
	return nil
}

func (s *State) checkGroups() error {
	members := 0
	keys := make(map[store.Key]struct{}, len(s.List))
	first := make([]int, len(s.List)) // of each group's members, among all
	for i, g := range s.List {
		if g.Seen < uint64(g.Members.N) {
			return corrupt("group %d has %d members of %d arrivals", i, g.Members.N, g.Seen)
		}
		if g.Members.First != 0 && !s.Form.Aged {
			return corrupt("group %d has tickets from %d, of kind %s they are from 0", i, g.Members.First, s.Form.Name)
		}
		if _, ok := keys[g.Key]; ok && !g.Shared {
			return corrupt("group %d has the key of an earlier one", i)
		}
		if !g.Shared {
			keys[g.Key] = struct{}{}
		}
		first[i] = members
		members += g.Members.N
	}
	if members != s.Items.Len() || s.Seats.Len() != s.Items.Len() {
		return corrupt("%d examples have a group, of %d", members, s.Items.Len())
	}
	taken := make([]bool, members)
	for slot := range s.Seats.Len() {
		at := s.Seats.At(slot)
		if int(at.Home) >= len(s.List) {
			return corrupt("slot %d is in group %d, which does not exist", slot, at.Home)
		}
		m := &s.List[at.Home].Members
		if i := at.Ticket - m.First; i >= uint32(m.N) || taken[first[at.Home]+int(i)] {
			return corrupt("ticket %d of group %d does not exist or is taken twice", at.Ticket, at.Home)
		}
		taken[first[at.Home]+int(at.Ticket-m.First)] = true
	}
	return nil
}
