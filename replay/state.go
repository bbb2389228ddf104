package replay

import (
	"fmt"
	"slices"
)

// A State is what a memory held at one time. It shares the examples with the memory, and
// nothing else. The zero State is no memory's.
type State struct {
	kind  Kind
	items []*Example // by slot: of a state that was read
	pages []*page    // the same: of one that was taken
	// sample is the reservoir's account: of kinds reservoir, recency and loss_aware.
	sample sampler
	// recent lists the slots of the ring from the oldest to the newest: of kind
	// recency, where they are the first slots.
	recent []int
	// list holds the groups, which share out the slots: of all kinds but recency,
	// and of a reservoir only for balanced retrieval.
	list []group
	// scores are by slot: of kinds gss and loss_aware.
	scores []uint32
	// features are by slot, of width numbers each: of kind herding.
	features [][]float32
	width    int
}

// Kind returns the kind of the memory.
func (s State) Kind() Kind { return s.kind }

// Len returns the number of examples.
func (s State) Len() int {
	n := len(s.items)
	for _, p := range s.pages {
		n += len(p.items)
	}
	return n
}

// examples lists the examples by slot. The slice is the caller's.
func (s State) examples() []*Example {
	list := make([]*Example, 0, s.Len())
	list = append(list, s.items...)
	for _, p := range s.pages {
		list = append(list, p.items...)
	}
	return list
}

func (s State) fits(cfg Config) error {
	if s.kind != cfg.Kind {
		return stateError("it is of kind %q, configured is %q", s.kind, cfg.Kind)
	}
	if n := s.Len(); n > cfg.Capacity {
		return stateError("it holds %d examples, configured are at most %d", n, cfg.Capacity)
	}
	return nil
}

func stateError(rule string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrState, fmt.Sprintf(rule, args...))
}

// Snapshot implements Memory.
func (m *reservoir) Snapshot() State {
	return State{kind: Reservoir, pages: m.freeze(), sample: m.sampler}
}

// Restore implements Memory. The error is ErrState.
func (m *reservoir) Restore(s State) error {
	if err := s.fits(m.cfg); err != nil {
		return err
	}
	if len(s.list) > 0 {
		return stateError("it tells groups apart, configured is a reservoir without balanced retrieval")
	}
	return m.load(s.examples(), s.sample)
}

func (s *sampler) fits(size int, cfg Config) error {
	if !s.check(size, cfg) {
		return stateError("%d examples are no sample of %d arrivals for %d places", size, s.population, cfg.Capacity)
	}
	return nil
}

// load replaces the contents. The slice becomes the memory's own.
func (m *reservoir) load(items []*Example, sample sampler) error {
	if err := sample.fits(len(items), m.cfg); err != nil {
		return err
	}
	m.refill(items)
	m.sampler = sample
	return nil
}

// Snapshot implements Memory.
func (m *recency) Snapshot() State {
	pages := append(m.recent.freeze(), m.old.freeze()...)
	return State{kind: RecencyMixed, pages: pages, sample: m.old.sampler, recent: m.recent.byAge()}
}

// Restore implements Memory. The error is ErrState.
func (m *recency) Restore(s State) error {
	if err := s.fits(m.cfg); err != nil {
		return err
	}
	n := len(s.recent)
	if n > m.recent.cfg.Capacity {
		return stateError("it holds %d latest examples, configured are at most %d", n, m.recent.cfg.Capacity)
	}
	fresh := newRecency(m.cfg)
	items := s.examples()
	if err := fresh.old.load(slices.Clone(items[n:]), s.sample); err != nil {
		return err
	}
	fresh.recent.refill(items[:n:n])
	fresh.recent.older, fresh.recent.newer = make([]int, n), make([]int, n)
	for _, slot := range s.recent {
		fresh.recent.link(slot)
	}
	m.recent, m.old = fresh.recent, fresh.old
	return nil
}
