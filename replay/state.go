package replay

import (
	"fmt"

	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// A State is what a memory held at one time. It shares examples and pages with the memory,
// and never changes. The zero State is no memory's.
type State struct {
	kind  Kind
	items column.Column[*Example]
	// rest are the examples of the reservoir within a recency, in the slots after those
	// of the ring.
	rest column.Column[*Example]
	// sample is the reservoir's account: of kinds reservoir, recency and loss_aware.
	sample sample.Uniform
	// oldest and newer are the order of the ring within a recency.
	oldest int
	newer  column.Column[int32]
	// list holds the groups, without their slots, and seats say which slot belongs to
	// which: of all kinds but recency, and of a reservoir only for balanced retrieval.
	list  []group
	seats column.Column[seat]
	// scores are of kinds gss and loss_aware.
	scores column.Column[uint32]
	// features are of width numbers each: of kind herding.
	features column.Column[[]float32]
	width    int
}

// Kind returns the kind of the memory.
func (s State) Kind() Kind { return s.kind }

// Len returns the number of examples.
func (s State) Len() int { return s.items.Len() + s.rest.Len() }

// examples lists the examples by slot. The slice is the caller's.
func (s State) examples() []*Example { return append(s.items.List(), s.rest.List()...) }

// byAge lists the slots of the ring within a recency from the oldest to the newest.
func (s State) byAge() []int {
	order := make([]int, 0, s.newer.Len())
	for slot := s.oldest; len(order) < s.newer.Len(); slot = int(s.newer.At(slot)) {
		order = append(order, slot)
	}
	return order
}

// groups lists the groups with their slots.
func (s State) groups() []group {
	list := make([]group, len(s.list))
	for i, gr := range s.list {
		gr.members = newMembers(gr.members.first, gr.members.n)
		list[i] = gr
	}
	for slot := range s.seats.Len() {
		at := s.seats.At(slot)
		*list[at.home].members.of(at.ticket) = int32(slot)
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
	return State{kind: Reservoir, items: m.items.Freeze(), sample: m.Uniform}
}

// Restore implements Memory. The error is ErrState.
func (m *reservoir) Restore(s State) error {
	if err := s.fits(m.cfg); err != nil {
		return err
	}
	if len(s.list) > 0 {
		return stateError("it tells groups apart, configured is a reservoir without balanced retrieval")
	}
	return m.load(&s.items, s.sample)
}

func fitsSample(s *sample.Uniform, size int, cfg Config) error {
	if !s.Check(size, cfg.Capacity, cfg.MaxBytes > 0) {
		return stateError("%d examples are no sample of %d arrivals for %d places", size, s.Population, cfg.Capacity)
	}
	return nil
}

// load replaces the contents.
func (m *reservoir) load(items *column.Column[*Example], sample sample.Uniform) error {
	if err := fitsSample(&sample, items.Len(), m.cfg); err != nil {
		return err
	}
	m.store = newStore(m.cfg, m.items.Page())
	m.fill(items)
	m.Uniform = sample
	return nil
}

// Snapshot implements Memory.
func (m *recency) Snapshot() State {
	return State{
		kind: RecencyMixed, items: m.recent.items.Freeze(), rest: m.old.items.Freeze(), sample: m.old.Uniform,
		oldest: m.recent.oldest, newer: m.recent.newer.Freeze(),
	}
}

// Restore implements Memory. The error is ErrState.
func (m *recency) Restore(s State) error {
	if err := s.fits(m.cfg); err != nil {
		return err
	}
	if n := s.items.Len(); n > m.recent.cfg.Capacity {
		return stateError("it holds %d latest examples, configured are at most %d", n, m.recent.cfg.Capacity)
	}
	fresh := newRecency(m.cfg)
	if err := fresh.old.load(&s.rest, s.sample); err != nil {
		return err
	}
	fresh.recent.load(&s)
	m.recent, m.old = fresh.recent, fresh.old
	return nil
}

// load fills a ring that is new.
func (g *ring) load(s *State) {
	g.fill(&s.items)
	g.oldest, g.newest, g.newer = s.oldest, none, s.newer.Thaw(g.newer.Page())
	older := make([]int32, s.newer.Len())
	for _, slot := range s.byAge() {
		older[slot], g.newest = int32(g.newest), slot
	}
	g.older = column.Of(g.older.Page(), older)
}
