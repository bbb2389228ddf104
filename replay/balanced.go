package replay

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/store"
)

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
	return &classBalanced{newGroups(cfg, store.ClassOf)}
}

func (m *classBalanced) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.Oversized(ex) {
		return
	}
	at := m.Arrive(ex)
	if m.Room(ex) {
		m.Insert(ex, at)
		m.fill(m.cfg.Capacity)
		return
	}
	if m.cfg.MaxBytes > 0 {
		m.fill(m.Items.Len())
	}
	switch {
	case m.List[at].Full:
		m.Rehearse(ex, at, r)
	case m.Items.Len() > 0:
		m.Overwrite(m.Member(m.Largest(), r), ex, at)
		m.fill(m.Items.Len())
	}
	m.Trim(r)
}

// fill marks the classes that are the largest now, if all places are taken. Only while there
// is no room may a class be full.
func (m *classBalanced) fill(places int) {
	if m.Items.Len() < places || places == 0 {
		return
	}
	n := m.List[m.Largest()].Members.N
	for i := range m.List {
		if m.List[i].Members.N == n {
			m.List[i].Full = true
		}
	}
}
