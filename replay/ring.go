package replay

const none = -1

// A ring holds the latest examples, in the order in which they came. Its slots are
// dense, and linked by age, so that one in the middle can leave in constant time.
type ring struct {
	store
	cfg            Config
	older, newer   []int // by slot: its neighbours, or none
	oldest, newest int   // slots, or none
}

func newRing(cfg Config) ring {
	return ring{store: newStore(cfg), cfg: cfg, oldest: none, newest: none}
}

// add makes ex the newest. If others have to leave for it, it calls leave for each, from the
// oldest on.
func (g *ring) add(ex *Example, leave func(*Example)) {
	if g.cfg.exceeds(ex.bytes() + slotBytes + linkBytes) {
		leave(ex) // at once, as it is too large by itself
		return
	}
	if slot := len(g.items); slot < g.cfg.Capacity {
		g.push(ex)
		g.older, g.newer = append(g.older, none), append(g.newer, none)
		g.link(slot)
	} else {
		slot := g.oldest
		left := g.items[slot]
		g.join(g.older[slot], g.newer[slot])
		g.put(slot, ex)
		g.link(slot)
		leave(left)
	}
	for len(g.items) > 0 && g.cfg.exceeds(g.Bytes()) {
		left := g.items[g.oldest]
		g.drop(g.oldest)
		leave(left)
	}
}

// Bytes is as Memory's.
func (g *ring) Bytes() int { return g.size() + linkBytes*len(g.items) }

// link makes a slot the newest.
func (g *ring) link(slot int) {
	g.join(g.newest, slot)
	g.join(slot, none)
}

// join makes two slots neighbours; none stands for what lies beyond an end.
func (g *ring) join(older, newer int) {
	if older == none {
		g.oldest = newer
	} else {
		g.newer[older] = newer
	}
	if newer == none {
		g.newest = older
	} else {
		g.older[newer] = older
	}
}

// drop removes a slot; the last example moves into it.
func (g *ring) drop(slot int) {
	g.join(g.older[slot], g.newer[slot])
	last := len(g.items) - 1
	if slot != last {
		g.join(g.older[last], slot)
		g.join(slot, g.newer[last])
	}
	g.remove(slot)
	g.older, g.newer = g.older[:last], g.newer[:last]
}

// byAge returns the slots from the oldest to the newest.
func (g *ring) byAge() []int {
	order := make([]int, 0, len(g.items))
	for slot := g.oldest; slot != none; slot = g.newer[slot] {
		order = append(order, slot)
	}
	return order
}
