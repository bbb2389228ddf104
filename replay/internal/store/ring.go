package store

import (
	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
)

// None is the slot that lies beyond an end.
const None = -1

// A Ring holds the latest examples, in the order in which they came. Its slots are
// dense, and linked by age, so that one in the middle can leave in constant time.
type Ring struct {
	Store
	newer          column.Column[int32] // by slot: the next one in age, or None
	older          column.Column[int32] // the same the other way, which follows from it
	oldest, newest int                  // slots, or None
}

// NewRing returns an empty ring in a store that is new.
func NewRing(s Store) Ring {
	page := column.NumberPages * s.Items.Page()
	return Ring{Store: s, newer: column.New[int32](page), older: column.New[int32](page), oldest: None, newest: None}
}

// Add makes ex the newest. If others have to leave for it, it calls leave for each, from the
// oldest on, and says on which terms. leave reports whether it may keep the example.
func (g *Ring) Add(ex *Example, leave func(*Example, Terms) bool) {
	if g.Exceeds(example.Size(ex) + SlotBytes + linkBytes) {
		leave(ex, g.terms) // at once, as it is too large by itself
		return
	}
	if slot := g.Items.Len(); slot < g.Capacity {
		g.Push(ex)
		g.older.Push(None)
		g.newer.Push(None)
		g.link(slot)
	} else {
		slot := g.oldest
		if leave(g.Items.At(slot), g.leaving(slot)) {
			g.Release(slot)
		}
		g.unlink(slot)
		g.Put(slot, ex)
		g.link(slot)
		g.prefetchOldest()
	}
	for g.Items.Len() > 0 && g.Exceeds(g.Bytes()) {
		left, terms := g.Items.At(g.oldest), g.leaving(g.oldest)
		g.Drop(g.oldest)
		leave(left, terms)
	}
}

// leaving returns the terms on which the example in a slot can leave.
func (g *Ring) leaving(slot int) Terms {
	if g.packs != nil && g.loans.free(slot) {
		return Given
	}
	return Shared
}

// link makes a slot the newest.
func (g *Ring) link(slot int) {
	g.join(g.newest, slot)
	g.join(slot, None)
}

// unlink makes the neighbours of a slot each other's.
func (g *Ring) unlink(slot int) { g.join(int(g.older.At(slot)), int(g.newer.At(slot))) }

// join makes two slots neighbours; None stands for what lies beyond an end.
func (g *Ring) join(older, newer int) {
	if older == None {
		g.oldest = newer
	} else {
		g.newer.Set(older, int32(newer))
	}
	if newer == None {
		g.newest = older
	} else {
		g.older.Set(newer, int32(older))
	}
}

// Drop removes a slot; the last example moves into it.
func (g *Ring) Drop(slot int) {
	g.unlink(slot)
	if last := g.Items.Len() - 1; slot != last {
		g.join(int(g.older.At(last)), slot)
		g.join(slot, int(g.newer.At(last)))
	}
	g.Delete(slot)
	g.older.Pop()
	g.newer.Pop()
}

// Order returns the oldest slot, or None, and by slot the next one in age, for a state.
func (g *Ring) Order() (oldest int, newer column.Column[int32]) { return g.oldest, g.newer.Freeze() }

// Load fills a ring that is new with what a state holds.
func (g *Ring) Load(items *column.Column[*Example], oldest int, newer *column.Column[int32]) {
	g.Fill(items)
	g.oldest, g.newest, g.newer = oldest, None, newer.Thaw(g.newer.Page())
	older := make([]int32, g.newer.Len())
	for slot := oldest; slot != None; slot = int(g.newer.At(slot)) {
		older[slot], g.newest = int32(g.newest), slot
	}
	g.older = column.Of(g.older.Page(), older)
}
