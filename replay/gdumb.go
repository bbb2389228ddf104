package replay

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/store"
)

// gdumb is the greedy balancing sampler of GDumb (Prabhu et al. 2020, algorithm 1): an
// arrival of a class that holds fewer than capacity/classes examples is kept, if need be in
// the place of a random example of the largest class; any other is passed over. So a class
// keeps its first examples. Room that removals leave is filled by classes below their share.
type gdumb struct{ groups }

func newGDumb(cfg Config) *gdumb { return &gdumb{newGroups(cfg, store.ClassOf)} }

func (m *gdumb) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.Oversized(ex) {
		return
	}
	at := m.Arrive(ex)
	own, room := m.List[at].Members.N, m.Room(ex)
	places := m.cfg.Capacity
	if !room {
		places = m.Items.Len()
	}
	switch {
	case own > 0 && own*len(m.List) >= places:
		return
	case room:
		m.Insert(ex, at)
	case m.Items.Len() > 0:
		if largest := m.Largest(); m.List[largest].Members.N > own {
			m.Overwrite(m.Member(largest, r), ex, at)
		}
	}
	m.Trim(r)
}
