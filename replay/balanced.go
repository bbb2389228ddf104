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
	if m.Replace(ex) || m.oversized(ex) {
		return
	}
	at := m.arrive(ex)
	if m.room(ex) {
		m.insert(ex, at)
		m.fill(m.cfg.Capacity)
		return
	}
	if m.cfg.MaxBytes > 0 {
		m.fill(m.items.Len())
	}
	switch {
	case m.list[at].full:
		m.rehearse(ex, at, r)
	case m.items.Len() > 0:
		m.overwrite(m.member(m.largest(), r), ex, at)
		m.fill(m.items.Len())
	}
	m.trim(r)
}

// fill marks the classes that are the largest now, if all places are taken. Only while there
// is no room may a class be full.
func (m *classBalanced) fill(places int) {
	if m.items.Len() < places || places == 0 {
		return
	}
	n := m.list[m.largest()].members.n
	for i := range m.list {
		if m.list[i].members.n == n {
			m.list[i].full = true
		}
	}
}
