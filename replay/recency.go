package replay

import (
	"math"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// recency holds the latest examples in a ring. One that leaves it is offered to a
// reservoir, so that the reservoir samples all that came before the ring.
type recency struct {
	cfg Config
	sample.Drawer
	recent ring
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
	return &recency{cfg: cfg, recent: newRing(latest, cfg.page()), old: newReservoir(rest, cfg.page())}
}

func (m *recency) keepsAll()               {}
func (m *recency) prefetchRow(ex *Example) { m.recent.prefetchRow(ex) }

// Add implements Memory.
func (m *recency) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) {
		return
	}
	m.recent.add(ex, func(left *Example) { m.old.Add(left, r) })
}

// Replace implements Memory. The example keeps the age of the one it replaces.
func (m *recency) Replace(ex *Example) bool {
	slot, ok := m.recent.find(ex.ID)
	if ok {
		m.recent.renew(slot, ex)
		return true
	}
	return m.old.Replace(ex)
}

// RemoveID implements Memory.
func (m *recency) RemoveID(id string) bool {
	slot, ok := m.recent.find(id)
	if ok {
		m.recent.drop(slot)
		return true
	}
	return m.old.RemoveID(id)
}

// Remove implements Memory.
func (m *recency) Remove(match func(*Example) bool) int {
	return sweep(&m.recent.store, match, m.recent.drop) + m.old.Remove(match)
}

// Draw implements Memory.
func (m *recency) Draw(dst []*Example, n int, r *rand.Rand) []*Example {
	latest := m.recent.items.Len()
	for _, at := range m.Drawer.Draw(m.Len(), n, r) {
		if at < latest {
			dst = append(dst, m.recent.items.At(at))
		} else {
			dst = append(dst, m.old.items.At(at-latest))
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
