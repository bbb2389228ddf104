package replay

import "slices"

// Snapshot implements Memory.
func (g *groups) Snapshot() State {
	s := State{kind: g.cfg.Kind, pages: g.freeze(), list: slices.Clone(g.list)}
	all := make([]int, 0, len(g.items))
	for i := range s.list {
		gr := &s.list[i]
		from := len(all)
		all = append(append(all, gr.members[gr.first:]...), gr.members[:gr.first]...)
		gr.members, gr.first = all[from:len(all):len(all)], 0
		gr.mean = slices.Clone(gr.mean)
	}
	return s
}

// Restore implements Memory. The error is ErrState.
func (g *groups) Restore(s State) error {
	fresh, err := g.restored(s)
	if err == nil {
		*g = fresh
	}
	return err
}

// restored returns groups of the same configuration with another state.
func (g *groups) restored(s State) (groups, error) {
	if err := s.fits(g.cfg); err != nil {
		return groups{}, err
	}
	items := s.examples()
	if g.cfg.Kind == Reservoir && len(items) > 0 && len(s.list) == 0 {
		return groups{}, stateError("it tells no groups apart, configured is a reservoir with balanced retrieval")
	}
	fresh := newGroups(g.cfg, g.keyOf)
	fresh.aged, fresh.slotCost, fresh.groupCost = g.aged, g.slotCost, g.groupCost
	fresh.refill(items)
	fresh.home, fresh.place = make([]int, len(items)), make([]int, len(items))
	for at, gr := range s.list {
		if gr.shared != (at == g.cfg.MaxGroups) {
			return groups{}, stateError("it tells another number of groups apart, configured are %d", g.cfg.MaxGroups)
		}
		for place, slot := range gr.members {
			if !gr.shared && g.keyOf(items[slot]) != gr.key {
				return groups{}, stateError("example %q is in a group that is not its own", items[slot].ID)
			}
			fresh.home[slot], fresh.place[slot] = at, place
		}
		if !gr.shared {
			fresh.byKey[gr.key] = at
		}
		gr.members = slices.Clone(gr.members)
		gr.mean = slices.Clone(gr.mean)
		fresh.list = append(fresh.list, gr)
	}
	fresh.drawer, fresh.shares = g.drawer, g.shares
	return fresh, nil
}

// Snapshot implements Memory.
func (m *groupedReservoir) Snapshot() State {
	s := m.groups.Snapshot()
	s.sample = m.sampler
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *groupedReservoir) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		err = s.sample.fits(s.Len(), m.cfg)
	}
	if err == nil {
		m.groups, m.sampler = fresh, s.sample
	}
	return err
}

// Snapshot implements Memory.
func (m *lossAware) Snapshot() State {
	s := m.groups.Snapshot()
	s.sample, s.scores = m.sampler, slices.Clone(m.losses.leaves)
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *lossAware) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		err = s.sample.fits(s.Len(), m.cfg)
	}
	if err == nil {
		m.groups, m.sampler = fresh, s.sample
		m.losses.load(slices.Clone(s.scores))
	}
	return err
}

// Snapshot implements Memory.
func (m *gss) Snapshot() State {
	s := m.groups.Snapshot()
	s.scores = slices.Clone(m.scores.leaves)
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *gss) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		m.groups = fresh
		m.scores.load(slices.Clone(s.scores))
	}
	return err
}

// Snapshot implements Memory.
func (m *herding) Snapshot() State {
	s := m.groups.Snapshot()
	s.features, s.width = slices.Clone(m.features), m.width
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *herding) Restore(s State) error {
	fresh, err := m.restored(s)
	if err != nil {
		return err
	}
	m.groups = fresh
	m.features, m.width = slices.Clone(s.features), 0
	if s.width > 0 {
		m.resize(s.width)
	}
	return nil
}
