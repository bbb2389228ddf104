package replay

import "math/rand/v2"

// classBalanced is class-balancing reservoir sampling (Chrysakis and Moens, "Online
// continual learning from imbalanced data", ICML 2020, algorithm 1). While there is
// room everything is kept. Then an arrival of a class that was never the largest takes
// the place of a random example of the largest class; one of a class that once was,
// and is therefore full, takes the place of a random example of its own class with
// the probability kept/arrived, so that each class is a uniform sample of its own
// past.
//
// Room that removals leave is filled by the next arrivals, of whatever class.
type classBalanced struct{ groups }

func newClassBalanced(cfg Config) *classBalanced {
	return &classBalanced{newGroups(cfg, classOf)}
}

func (m *classBalanced) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) {
		return
	}
	at := m.arrive(ex)
	if len(m.items) < m.cfg.Capacity {
		m.insert(ex, at)
		m.fill()
		return
	}
	if m.list[at].full {
		m.rehearse(ex, at, r)
		return
	}
	m.overwrite(m.member(m.largest(), r), ex, at)
	m.fill()
}

// fill marks the classes that are the largest now. Only while there is no room may a
// class be full.
func (m *classBalanced) fill() {
	if len(m.items) < m.cfg.Capacity {
		return
	}
	n := len(m.list[m.largest()].members)
	for i := range m.list {
		if len(m.list[i].members) == n {
			m.list[i].full = true
		}
	}
}
