package replay

import (
	"fmt"
	"slices"
)

// A State is what a memory held at one time. It shares the examples with the memory, and
// nothing else. The zero State is no memory's.
type State struct {
	kind  Kind
	items []*Example // by slot
	// sample is the reservoir's account: of kinds reservoir and recency.
	sample sampler
	// recent lists the slots of the ring from the oldest to the newest: of kind
	// recency, where they are the first slots.
	recent []int
	// list holds the groups, which share out the slots: of kinds class_balanced
	// and stratified.
	list []group
}

// Kind returns the kind of the memory.
func (s State) Kind() Kind { return s.kind }

// Len returns the number of examples.
func (s State) Len() int { return len(s.items) }

func (s State) fits(cfg Config) error {
	if s.kind != cfg.Kind {
		return stateError("it is of kind %q, configured is %q", s.kind, cfg.Kind)
	}
	if len(s.items) > cfg.Capacity {
		return stateError("it holds %d examples, configured are at most %d", len(s.items), cfg.Capacity)
	}
	return nil
}

func stateError(rule string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrState, fmt.Sprintf(rule, args...))
}

// Snapshot implements Memory.
func (m *reservoir) Snapshot() State {
	return State{kind: Reservoir, items: slices.Clone(m.items), sample: m.sampler}
}

// Restore implements Memory. The error is ErrState.
func (m *reservoir) Restore(s State) error {
	if err := s.fits(m.cfg); err != nil {
		return err
	}
	return m.load(s.items, s.sample)
}

func (m *reservoir) load(items []*Example, sample sampler) error {
	if !sample.check(len(items), m.cfg.Capacity) {
		return stateError("%d examples are no sample of %d arrivals for %d places", len(items), sample.population, m.cfg.Capacity)
	}
	m.refill(slices.Clone(items))
	m.sampler = sample
	return nil
}

// Snapshot implements Memory.
func (m *recency) Snapshot() State {
	items := make([]*Example, 0, m.Len())
	items = append(append(items, m.recent.items...), m.old.items...)
	return State{kind: RecencyMixed, items: items, sample: m.old.sampler, recent: m.recent.byAge()}
}

// Restore implements Memory. The error is ErrState.
func (m *recency) Restore(s State) error {
	if err := s.fits(m.cfg); err != nil {
		return err
	}
	n := len(s.recent)
	if n > m.recent.capacity {
		return stateError("it holds %d latest examples, configured are at most %d", n, m.recent.capacity)
	}
	fresh := newRecency(m.cfg)
	if err := fresh.old.load(s.items[n:], s.sample); err != nil {
		return err
	}
	fresh.recent.refill(slices.Clone(s.items[:n]))
	fresh.recent.older, fresh.recent.newer = make([]int, n), make([]int, n)
	for _, slot := range s.recent {
		fresh.recent.link(slot)
	}
	m.recent, m.old = fresh.recent, fresh.old
	return nil
}

// Snapshot implements Memory.
func (g *groups) Snapshot() State {
	s := State{kind: g.cfg.Kind, items: slices.Clone(g.items), list: slices.Clone(g.list)}
	all := make([]int, 0, len(g.items))
	for i := range s.list {
		from := len(all)
		all = append(all, s.list[i].members...)
		s.list[i].members = all[from:len(all):len(all)]
	}
	return s
}

// Restore implements Memory. The error is ErrState.
func (g *groups) Restore(s State) error {
	if err := s.fits(g.cfg); err != nil {
		return err
	}
	fresh := newGroups(g.cfg, g.keyOf)
	fresh.refill(slices.Clone(s.items))
	fresh.home, fresh.place = make([]int, len(s.items)), make([]int, len(s.items))
	for at, gr := range s.list {
		if gr.shared != (at == g.cfg.MaxGroups) {
			return stateError("it tells another number of groups apart, configured are %d", g.cfg.MaxGroups)
		}
		for place, slot := range gr.members {
			if !gr.shared && g.keyOf(s.items[slot]) != gr.key {
				return stateError("example %q is in a group that is not its own", s.items[slot].ID)
			}
			fresh.home[slot], fresh.place[slot] = at, place
		}
		if !gr.shared {
			fresh.byKey[gr.key] = at
		}
		gr.members = slices.Clone(gr.members)
		fresh.list = append(fresh.list, gr)
	}
	fresh.drawer = g.drawer
	*g = fresh
	return nil
}
