package replay

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
	"github.com/perennial-ml/perennial/replay/internal/state"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// reservoir keeps every example of the stream with equal probability.
type reservoir struct {
	cfg Config
	store.Store
	sample.Drawer
	sample.Uniform
}

func newReservoir(cfg Config, page int) *reservoir {
	return &reservoir{cfg: cfg, Store: newStore(cfg, page)}
}

func (m *reservoir) Add(ex *Example, r *rand.Rand) {
	if !m.Replace(ex) {
		m.take(ex, r)
	}
}

// take is Add of an example whose id is not held; it reports whether it may be held now.
func (m *reservoir) take(ex *Example, r *rand.Rand) bool {
	size, places := m.Items.Len(), m.cfg.Capacity
	if m.cfg.MaxBytes > 0 {
		more := example.Size(ex) + store.SlotBytes
		if m.Exceeds(more) {
			return false
		}
		places = m.Limits.Places(&m.Uniform, size, m.Bytes(), more)
	}
	slot := m.Arrive(size, places, r)
	switch slot {
	case sample.Rejected:
	case size:
		m.Push(ex)
	default:
		m.Put(slot, ex)
	}
	for m.Exceeds(m.Bytes()) {
		m.Delete(r.IntN(m.Items.Len()))
	}
	return slot != sample.Rejected
}

func (m *reservoir) Replace(ex *Example) bool {
	slot, ok := m.Find(ex.ID)
	if ok {
		m.Renew(slot, ex)
	}
	return ok
}

func (m *reservoir) Draw(dst []*Example, n int, r *rand.Rand) []*Example {
	return m.DrawFrom(&m.Drawer, dst, n, r)
}

func (m *reservoir) drop(slot int) {
	m.Leave(m.Items.Len())
	m.Delete(slot)
}

func (m *reservoir) Remove(match func(*Example) bool) int {
	return m.Sweep(match, m.drop)
}

func (m *reservoir) RemoveID(id string) bool {
	slot, ok := m.Find(id)
	if ok {
		m.drop(slot)
	}
	return ok
}

// Bytes implements Memory.
func (m *reservoir) Bytes() int { return m.Size() }

// Snapshot implements Memory.
func (m *reservoir) Snapshot() State {
	return State{state.State{Form: Reservoir.form(), Items: m.Freeze(), Sample: m.Uniform}}
}

// Restore implements Memory. The error is ErrState.
func (m *reservoir) Restore(s State) error {
	if err := s.fits(m.cfg); err != nil {
		return err
	}
	if len(s.held.List) > 0 {
		return stateError("it tells groups apart, configured is a reservoir without balanced retrieval")
	}
	return m.load(&s.held.Items, s.held.Sample)
}

// load replaces the contents.
func (m *reservoir) load(items *column.Column[*Example], account sample.Uniform) error {
	if err := fitsSample(&account, items.Len(), m.cfg); err != nil {
		return err
	}
	m.Store = m.Fresh()
	m.Fill(items)
	m.Uniform = account
	return nil
}

// fitsSample returns ErrState unless an account can be that of a sample of that size.
func fitsSample(s *sample.Uniform, size int, cfg Config) error {
	if !s.Check(size, cfg.Capacity, cfg.MaxBytes > 0) {
		return stateError("%d examples are no sample of %d arrivals for %d places", size, s.Population, cfg.Capacity)
	}
	return nil
}

// groupedReservoir is a reservoir that tells the classes apart, for balanced retrieval.
type groupedReservoir struct {
	groups
	sample.Uniform
}

func newGroupedReservoir(cfg Config) *groupedReservoir {
	return &groupedReservoir{groups: newGroups(cfg, store.ClassOf)}
}

func (m *groupedReservoir) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.Oversized(ex) {
		return
	}
	size, at := m.Items.Len(), m.groups.Arrive(ex)
	switch slot := m.Uniform.Arrive(size, m.Limits.Places(&m.Uniform, size, m.Bytes(), m.Cost(ex)), r); slot {
	case sample.Rejected:
	case size:
		m.Insert(ex, at)
	default:
		m.Overwrite(slot, ex, at)
	}
	for m.Exceeds(m.Bytes()) && m.Items.Len() > 0 {
		m.Evict(r.IntN(m.Items.Len()))
	}
}

func (m *groupedReservoir) drop(slot int) {
	m.Leave(m.Items.Len())
	m.groups.Drop(slot)
}

func (m *groupedReservoir) Remove(match func(*Example) bool) int {
	return m.Sweep(match, m.drop)
}

func (m *groupedReservoir) RemoveID(id string) bool {
	slot, ok := m.Find(id)
	if ok {
		m.drop(slot)
	}
	return ok
}

// Snapshot implements Memory.
func (m *groupedReservoir) Snapshot() State {
	s := m.groups.Snapshot()
	s.held.Sample = m.Uniform
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *groupedReservoir) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		err = fitsSample(&s.held.Sample, s.Len(), m.cfg)
	}
	if err == nil {
		m.groups, m.Uniform = fresh, s.held.Sample
	}
	return err
}
