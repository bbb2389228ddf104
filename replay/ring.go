package replay

import (
	"github.com/perennial-ml/perennial/replay/internal/column"
)

const none = -1

// A ring holds the latest examples, in the order in which they came. Its slots are
// dense, and linked by age, so that one in the middle can leave in constant time.
type ring struct {
	store
	cfg            Config
	newer          column.Column[int32] // by slot: the next one in age, or none
	older          column.Column[int32] // the same the other way, which follows from it
	oldest, newest int                  // slots, or none
}

func newRing(cfg Config, page int) ring {
	return ring{
		store: newStore(cfg, page), cfg: cfg,
		newer: column.New[int32](column.NumberPages * page), older: column.New[int32](column.NumberPages * page),
		oldest: none, newest: none,
	}
}

// add makes ex the newest. If others have to leave for it, it calls leave for each, from the
// oldest on.
func (g *ring) add(ex *Example, leave func(*Example)) {
	if g.cfg.exceeds(ex.bytes() + slotBytes + linkBytes) {
		leave(ex) // at once, as it is too large by itself
		return
	}
	if slot := g.items.Len(); slot < g.cfg.Capacity {
		g.push(ex)
		g.older.Push(none)
		g.newer.Push(none)
		g.link(slot)
	} else {
		slot := g.oldest
		left := g.items.At(slot)
		g.unlink(slot)
		g.put(slot, ex)
		g.link(slot)
		g.prefetchSlot(g.oldest)
		leave(left)
	}
	for g.items.Len() > 0 && g.cfg.exceeds(g.Bytes()) {
		left := g.items.At(g.oldest)
		g.drop(g.oldest)
		leave(left)
	}
}

// Bytes is as Memory's.
func (g *ring) Bytes() int { return g.size() + linkBytes*g.items.Len() }

// link makes a slot the newest.
func (g *ring) link(slot int) {
	g.join(g.newest, slot)
	g.join(slot, none)
}

// unlink makes the neighbours of a slot each other's.
func (g *ring) unlink(slot int) { g.join(int(g.older.At(slot)), int(g.newer.At(slot))) }

// join makes two slots neighbours; none stands for what lies beyond an end.
func (g *ring) join(older, newer int) {
	if older == none {
		g.oldest = newer
	} else {
		g.newer.Set(older, int32(newer))
	}
	if newer == none {
		g.newest = older
	} else {
		g.older.Set(newer, int32(older))
	}
}

// drop removes a slot; the last example moves into it.
func (g *ring) drop(slot int) {
	g.unlink(slot)
	if last := g.items.Len() - 1; slot != last {
		g.join(int(g.older.At(last)), slot)
		g.join(slot, int(g.newer.At(last)))
	}
	g.remove(slot)
	g.older.Pop()
	g.newer.Pop()
}
