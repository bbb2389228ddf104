package replay

import "math/rand/v2"

// gdumb is the greedy balancing sampler of GDumb (Prabhu et al. 2020, algorithm 1): an
// arrival of a class that holds fewer than capacity/classes examples is kept, if need be in
// the place of a random example of the largest class; any other is passed over. So a class
// keeps its first examples. Room that removals leave is filled by classes below their share.
type gdumb struct{ groups }

func newGDumb(cfg Config) *gdumb { return &gdumb{newGroups(cfg, classOf)} }

func (m *gdumb) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.oversized(ex) {
		return
	}
	at := m.arrive(ex)
	own, room := m.list[at].members.n, m.room(ex)
	places := m.cfg.Capacity
	if !room {
		places = m.items.Len()
	}
	switch {
	case own > 0 && own*len(m.list) >= places:
		return
	case room:
		m.insert(ex, at)
	case m.items.Len() > 0:
		if largest := m.largest(); m.list[largest].members.n > own {
			m.overwrite(m.member(largest, r), ex, at)
		}
	}
	m.trim(r)
}

// trim gives up random examples of the largest group until the memory is as small as it
// must be.
func (g *groups) trim(r *rand.Rand) {
	for g.cfg.exceeds(g.Bytes()) && g.items.Len() > 0 {
		g.evict(g.member(g.largest(), r))
	}
}
