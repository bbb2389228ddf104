package store

import (
	"unsafe"

	"github.com/perennial-ml/perennial/internal/pixel"
)

// What an arrival touches has left the caches since the one before, and most of it is only found
// through something else that has. So those who know which slots will be taken next ask for it
// in three steps, the first of them well ahead.

// Expect asks for what it takes to find an example by its id.
func (s *Store) Expect(id string) { s.index.ask(id) }

// prefetchNear asks for what the store keeps by slot.
func (s *Store) prefetchNear(slot int) {
	s.Items.Ask(slot)
	s.index.hashes.Ask(slot)
	if s.packs != nil {
		pixel.Prefetch(&s.loans.rows[slot], 1)
	}
}

// PrefetchHeld asks for the example in a slot, and for the entry of its id.
func (s *Store) PrefetchHeld(slot int) {
	pixel.Prefetch(s.Items.At(slot), 1)
	s.index.askSlot(slot)
}

// prefetchOld asks for the row in a slot, if it may be written over.
func (s *Store) prefetchOld(slot int) {
	ex := s.Items.At(slot)
	if s.packs != nil && s.loans.free(slot) {
		pixel.Prefetch(unsafe.SliceData(ex.Packed), len(ex.Packed))
	}
}

// PrefetchOldest asks for what the next arrivals of a group will replace, if each takes the place of
// its oldest member.
func (g *Groups) PrefetchOldest(m *Members) {
	if m.N > 2 {
		slot := m.At(2)
		g.prefetchNear(slot)
		g.Seats.Ask(slot)
		g.PrefetchHeld(m.At(1))
	}
	if m.N > 0 {
		g.prefetchOld(m.At(0))
	}
}

// prefetchOldest asks for what the next arrivals will replace.
func (g *Ring) prefetchOldest() {
	slot := g.oldest
	g.prefetchOld(slot)
	left := g.Items.At(slot)
	pixel.Prefetch(unsafe.StringData(left.ID), len(left.ID)) // which is offered to another store
	for range 2 {
		if slot = int(g.newer.At(slot)); slot == None {
			return
		}
	}
	g.PrefetchHeld(slot)
}
