package replay

import "slices"

// Snapshot implements Memory.
func (g *groups) Snapshot() State {
	s := State{kind: g.cfg.Kind, items: g.items.Freeze(), seats: g.seats.Freeze(), list: slices.Clone(g.list)}
	for i := range s.list {
		gr := &s.list[i]
		gr.members.slots, gr.mean = nil, slices.Clone(gr.mean)
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
	if g.cfg.Kind == Reservoir && s.items.Len() > 0 && len(s.list) == 0 {
		return groups{}, stateError("it tells no groups apart, configured is a reservoir with balanced retrieval")
	}
	fresh := newGroups(g.cfg, g.keyOf)
	fresh.aged, fresh.slotCost, fresh.groupCost = g.aged, g.slotCost, g.groupCost
	fresh.fill(&s.items)
	fresh.list, fresh.seats = s.groups(), s.seats.Thaw(g.seats.Page())
	for at := range fresh.list {
		gr := &fresh.list[at]
		if gr.shared != (at == g.cfg.MaxGroups) {
			return groups{}, stateError("it tells another number of groups apart, configured are %d", g.cfg.MaxGroups)
		}
		if !gr.shared {
			fresh.byKey[gr.key] = at
		}
		gr.mean = slices.Clone(gr.mean)
	}
	for slot := range fresh.items.Len() {
		ex := fresh.items.At(slot)
		if gr := &fresh.list[fresh.home(slot)]; !gr.shared && g.keyOf(ex) != gr.key {
			return groups{}, stateError("example %q is in a group that is not its own", ex.ID)
		}
	}
	fresh.Drawer, fresh.shares = g.Drawer, g.shares
	return fresh, nil
}

// Snapshot implements Memory.
func (m *groupedReservoir) Snapshot() State {
	s := m.groups.Snapshot()
	s.sample = m.Uniform
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *groupedReservoir) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		err = fitsSample(&s.sample, s.Len(), m.cfg)
	}
	if err == nil {
		m.groups, m.Uniform = fresh, s.sample
	}
	return err
}

// Snapshot implements Memory.
func (m *lossAware) Snapshot() State {
	s := m.groups.Snapshot()
	s.sample, s.scores = m.Uniform, m.losses.Freeze()
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *lossAware) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		err = fitsSample(&s.sample, s.Len(), m.cfg)
	}
	if err == nil {
		m.groups, m.Uniform = fresh, s.sample
		m.losses.Load(&s.scores)
	}
	return err
}

// Snapshot implements Memory.
func (m *gss) Snapshot() State {
	s := m.groups.Snapshot()
	s.scores = m.scores.Freeze()
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *gss) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		m.groups = fresh
		m.scores.Load(&s.scores)
	}
	return err
}

// Snapshot implements Memory.
func (m *herding) Snapshot() State {
	s := m.groups.Snapshot()
	s.features, s.width = m.features.Freeze(), m.width
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *herding) Restore(s State) error {
	fresh, err := m.restored(s)
	if err != nil {
		return err
	}
	m.groups = fresh
	m.features, m.width = s.features.Thaw(m.features.Page()), 0
	if s.width > 0 {
		m.resize(s.width)
	}
	return nil
}
