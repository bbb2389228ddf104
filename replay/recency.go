package replay

import (
	"math"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/sample"
	"github.com/perennial-ml/perennial/replay/internal/state"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// recency holds the latest examples in a ring. One that leaves it is offered to a
// reservoir, so that the reservoir samples all that came before the ring.
type recency struct {
	cfg Config
	sample.Drawer
	recent store.Ring
	old    *reservoir
}

func newRecency(cfg Config) *recency {
	n := int(math.Round(cfg.Recent * float64(cfg.Capacity)))
	n = min(max(n, 1), cfg.Capacity-1)
	latest, rest := cfg, cfg
	latest.Capacity, rest.Capacity = n, cfg.Capacity-n
	if cfg.MaxBytes > 0 {
		latest.MaxBytes = int64(cfg.Recent * float64(cfg.MaxBytes))
		rest.MaxBytes -= latest.MaxBytes
	}
	return &recency{cfg: cfg, recent: store.NewRing(newStore(latest, cfg.page())), old: newReservoir(rest, cfg.page())}
}

// Add implements Memory.
func (m *recency) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) {
		return
	}
	terms := m.old.Terms()
	m.recent.Add(ex, func(left *Example, on store.Terms) bool {
		m.old.Receive(on)
		kept := m.old.take(left, r)
		m.old.PassSpare(&m.recent.Store)
		return kept
	})
	m.old.Receive(terms)
}

// Receive says on which terms examples come from now on.
func (m *recency) Receive(terms store.Terms) {
	m.recent.Receive(terms)
	m.old.Receive(terms)
}

// Expect asks for what it takes to find an example by its id.
func (m *recency) Expect(id string) {
	m.recent.Expect(id)
	m.old.Expect(id)
}

// Near says where the dense features of the example that comes next are read: next to the ring. What
// leaves that is another one.
func (m *recency) Near(dense []float32) { m.recent.Near(dense) }

// Returned implements Returner.
func (m *recency) Returned() {
	m.recent.Returned()
	m.old.Returned()
}

// Replace implements Memory. The example keeps the age of the one it replaces.
func (m *recency) Replace(ex *Example) bool {
	slot, ok := m.recent.Find(ex.ID)
	if ok {
		m.recent.Renew(slot, ex)
		return true
	}
	return m.old.Replace(ex)
}

// RemoveID implements Memory.
func (m *recency) RemoveID(id string) bool {
	slot, ok := m.recent.Find(id)
	if ok {
		m.recent.Drop(slot)
		return true
	}
	return m.old.RemoveID(id)
}

// Remove implements Memory.
func (m *recency) Remove(match func(*Example) bool) int {
	return m.recent.Sweep(match, m.recent.Drop) + m.old.Remove(match)
}

// Draw implements Memory.
func (m *recency) Draw(dst []*Example, n int, r *rand.Rand) []*Example {
	latest := m.recent.Items.Len()
	for _, at := range m.Drawer.Draw(m.Len(), n, r) {
		if at < latest {
			dst = append(dst, m.recent.Lend(at))
		} else {
			dst = append(dst, m.old.Lend(at-latest))
		}
	}
	return dst
}

// Whole implements Memory.
func (m *recency) Whole() int { return m.recent.Whole() + m.old.Whole() }

// Len implements Memory.
func (m *recency) Len() int { return m.recent.Len() + m.old.Len() }

// Bytes implements Memory.
func (m *recency) Bytes() int { return m.recent.Bytes() + m.old.Bytes() }

// Snapshot implements Memory.
func (m *recency) Snapshot() State {
	s := state.State{
		Form: RecencyMixed.form(), Items: m.recent.Freeze(), Rest: m.old.Freeze(), Sample: m.old.Uniform,
	}
	s.Oldest, s.Newer = m.recent.Order()
	return State{s}
}

// Restore implements Memory. The error is ErrState.
func (m *recency) Restore(s State) error {
	if err := s.fits(m.cfg); err != nil {
		return err
	}
	if n := s.held.Items.Len(); n > m.recent.Capacity {
		return stateError("it holds %d latest examples, configured are at most %d", n, m.recent.Capacity)
	}
	fresh := newRecency(m.cfg)
	if err := fresh.old.load(&s.held.Rest, s.held.Sample); err != nil {
		return err
	}
	fresh.recent.Load(&s.held.Items, s.held.Oldest, &s.held.Newer)
	m.recent, m.old = fresh.recent, fresh.old
	return nil
}
