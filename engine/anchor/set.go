package anchor

import (
	"github.com/perennial-ml/perennial/engine/continual"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// A phase is what was set aside of a phase of learning, and how the learner does on it.
type phase struct {
	examples replay.Memory
	ended    uint64 // position; 0 for the one in progress
	task     continual.Task
}

// A Set is the examples set aside, and how the learner does on them. A nil Set keeps none.
type Set struct {
	cfg    Config
	seed   uint64
	since  uint64  // examples learned since the last look
	burst  int     // looks that are left of a burst
	open   phase   // in progress
	closed []phase // that ended, the oldest first
	held   uint64  // examples set aside, ever
	looks  uint64  // ever

	anytime continual.Mean // of the average accuracy, over the looks
	first   *models.Frozen // the weights that nothing was learned into
	before  *models.Frozen // those as the phase in progress began; nil in the first one

	list []*replay.Example // scratch of examples
}

// New returns a set before the first example; nil if the configuration asks for none. First
// are the learner's weights before the first step, and seed is the root of the random streams.
func New(cfg Config, seed uint64, first *models.Frozen) (*Set, error) {
	if cfg.Size == 0 {
		return nil, nil
	}
	s := &Set{cfg: cfg, seed: seed, first: first}
	var err error
	s.open, err = s.newPhase()
	return s, err
}

func (s *Set) newPhase() (phase, error) {
	m, err := replay.New(replay.Config{Kind: replay.Reservoir, Capacity: s.cfg.Size})
	return phase{examples: m, task: continual.NewTask()}, err
}

// Takes reports whether an example is set aside: a function of the seed and its position.
func (s *Set) Takes(ex *replay.Example) bool {
	return s != nil && !ex.Negative && rng.New(s.seed, "anchors", ex.Position).Float64() < s.cfg.Share
}

// Add sets an example aside that Takes says it takes.
func (s *Set) Add(ex *replay.Example, position uint64) {
	s.held++
	s.open.examples.Add(ex, rng.New(s.seed, "anchors/keep", position))
}

// each calls f for every memory.
func (s *Set) each(f func(replay.Memory)) {
	if s == nil {
		return
	}
	for _, p := range s.closed {
		f(p.examples)
	}
	f(s.open.examples)
}

// Replace revises an example that may be in the set.
func (s *Set) Replace(ex *replay.Example) {
	s.each(func(m replay.Memory) { m.Replace(ex) })
}

// Forget takes an example out.
func (s *Set) Forget(id string) {
	s.each(func(m replay.Memory) { m.RemoveID(id) })
}

// Learned notes how many examples are about to be learned.
func (s *Set) Learned(n int) {
	if s != nil {
		s.since += uint64(n)
	}
}

// Disturbed begins a burst of looks.
func (s *Set) Disturbed() {
	if s != nil {
		s.burst = max(s.cfg.Burst.Looks, 0)
	}
}

// RollBack forgets the examples that came after a version to which the learner goes back,
// with those weights. A phase that began later now begins with them.
func (s *Set) RollBack(version uint64, weights *models.Frozen) {
	if s == nil {
		return
	}
	s.each(func(m replay.Memory) {
		m.Remove(func(ex *replay.Example) bool { return ex.Position > version })
	})
	if n := len(s.closed); s.before != nil && n > 0 && s.closed[n-1].ended > version {
		s.before = weights
	}
	s.Disturbed()
}
