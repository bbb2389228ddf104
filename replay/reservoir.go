package replay

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// reservoir keeps every example of the stream with equal probability.
type reservoir struct {
	cfg Config
	store
	sample.Drawer
	sample.Uniform
}

func newReservoir(cfg Config, page int) *reservoir {
	return &reservoir{cfg: cfg, store: newStore(cfg, page)}
}

func (m *reservoir) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) {
		return
	}
	size, places := m.items.Len(), m.cfg.Capacity
	if m.cfg.MaxBytes > 0 {
		more := ex.bytes() + slotBytes
		if m.cfg.exceeds(more) {
			return
		}
		places = m.cfg.places(&m.Uniform, size, m.Bytes(), more)
	}
	switch slot := m.Arrive(size, places, r); slot {
	case sample.Rejected:
	case size:
		m.push(ex)
	default:
		m.put(slot, ex)
	}
	for m.cfg.exceeds(m.Bytes()) {
		m.remove(r.IntN(m.items.Len()))
	}
}

func (m *reservoir) Replace(ex *Example) bool {
	slot, ok := m.find(ex.ID)
	if ok {
		m.renew(slot, ex)
	}
	return ok
}

func (m *reservoir) Draw(dst []*Example, n int, r *rand.Rand) []*Example {
	return m.drawFrom(&m.Drawer, dst, n, r)
}

func (m *reservoir) drop(slot int) {
	m.Leave(m.items.Len())
	m.remove(slot)
}

func (m *reservoir) Remove(match func(*Example) bool) int {
	return sweep(&m.store, match, m.drop)
}

func (m *reservoir) RemoveID(id string) bool {
	slot, ok := m.find(id)
	if ok {
		m.drop(slot)
	}
	return ok
}

// Bytes implements Memory.
func (m *reservoir) Bytes() int { return m.size() }

// groupedReservoir is a reservoir that tells the classes apart, for balanced retrieval.
type groupedReservoir struct {
	groups
	sample.Uniform
}

func newGroupedReservoir(cfg Config) *groupedReservoir {
	return &groupedReservoir{groups: newGroups(cfg, classOf)}
}

func (m *groupedReservoir) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.oversized(ex) {
		return
	}
	size, at := m.items.Len(), m.groups.arrive(ex)
	switch slot := m.Uniform.Arrive(size, m.cfg.places(&m.Uniform, size, m.Bytes(), m.cost(ex)), r); slot {
	case sample.Rejected:
	case size:
		m.insert(ex, at)
	default:
		m.overwrite(slot, ex, at)
	}
	for m.cfg.exceeds(m.Bytes()) && m.items.Len() > 0 {
		m.evict(r.IntN(m.items.Len()))
	}
}

func (m *groupedReservoir) drop(slot int) {
	m.Leave(m.items.Len())
	m.groups.drop(slot)
}

func (m *groupedReservoir) Remove(match func(*Example) bool) int {
	return sweep(&m.store, match, m.drop)
}

func (m *groupedReservoir) RemoveID(id string) bool {
	slot, ok := m.find(id)
	if ok {
		m.drop(slot)
	}
	return ok
}

// sweep drops the examples that match. It goes from the last slot to the first, since
// dropping one moves the last into its slot.
func sweep(s *store, match func(*Example) bool, drop func(slot int)) int {
	n := 0
	for slot := s.items.Len() - 1; slot >= 0; slot-- {
		if match(s.items.At(slot)) {
			drop(slot)
			n++
		}
	}
	return n
}
