package replay

import "math/rand/v2"

// sampler decides by which arrivals a uniform sample changes. It is Vitter's
// algorithm R; after removals it is the random pairing of Gemulla, Lehner and Haas:
// a removal from the sample stands for the removals of the whole population that are
// likely to have come with it, and each of those is made up for by one later arrival,
// which enters the sample with the probability holes/debt. Until then the sample is
// smaller, and still uniform.
type sampler struct {
	population uint64 // arrivals that no removal cancels
	holes      uint64 // removals from the sample, not made up for yet
	debt       uint64 // removals from the population, not made up for yet; holes <= debt
}

// rejected is the slot of an arrival that does not enter the sample.
const rejected = -1

// arrive returns the slot that an arrival takes in a sample of that size: size for a
// new one, a slot below it for that of another example, or rejected.
func (s *sampler) arrive(size, capacity int, r *rand.Rand) int {
	if s.debt > 0 {
		enters := r.Uint64N(s.debt) < s.holes
		s.debt--
		if !enters {
			return rejected
		}
		s.holes--
		return size
	}
	s.population++
	if size < capacity {
		return size
	}
	if at := r.Uint64N(s.population); at < uint64(capacity) {
		return int(at)
	}
	return rejected
}

// leave tells that one example was removed from a sample that had that size.
func (s *sampler) leave(size int) {
	if size <= 1 {
		*s = sampler{} // nothing is left that newcomers could be compared with
		return
	}
	// Each example of the sample stands for so many of the population.
	s.debt += (s.population - s.debt) / uint64(size)
	s.holes++
}

// check reports whether the sampler can belong to a sample of that size. Bytes may have kept
// it below the capacity.
func (s *sampler) check(size int, cfg Config) bool {
	switch {
	case s.holes > s.debt || s.debt > s.population:
		return false
	case s.holes > uint64(cfg.Capacity) || s.population-s.debt < uint64(size):
		return false
	}
	taken, most := uint64(size)+s.holes, min(s.population, uint64(cfg.Capacity))
	return taken == most || taken < most && cfg.MaxBytes > 0
}

// places returns the number of places of a sample of so many examples and bytes, for an
// arrival of so many: the capacity. Bytes may allow less; then the sample does not grow any
// more, since what it passed over cannot come back.
func (s *sampler) places(cfg Config, size, bytes, more int) int {
	whole := s.debt == 0 && s.population == uint64(size)
	if cfg.MaxBytes == 0 || whole && cfg.room(size, bytes, more) {
		return cfg.Capacity
	}
	return size + int(s.holes)
}

// reservoir keeps every example of the stream with equal probability.
type reservoir struct {
	cfg Config
	store
	drawer
	sampler
}

func newReservoir(cfg Config, page int) *reservoir {
	return &reservoir{cfg: cfg, store: newStore(cfg, page)}
}

func (m *reservoir) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) {
		return
	}
	size, places := m.items.n, m.cfg.Capacity
	if m.cfg.MaxBytes > 0 {
		more := ex.bytes() + slotBytes
		if m.cfg.exceeds(more) {
			return
		}
		places = m.places(m.cfg, size, m.Bytes(), more)
	}
	switch slot := m.arrive(size, places, r); slot {
	case rejected:
	case size:
		m.push(ex)
	default:
		m.put(slot, ex)
	}
	for m.cfg.exceeds(m.Bytes()) {
		m.remove(r.IntN(m.items.n))
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
	return m.drawFrom(&m.drawer, dst, n, r)
}

func (m *reservoir) drop(slot int) {
	m.leave(m.items.n)
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
	sampler
}

func newGroupedReservoir(cfg Config) *groupedReservoir {
	return &groupedReservoir{groups: newGroups(cfg, classOf)}
}

func (m *groupedReservoir) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.oversized(ex) {
		return
	}
	size, at := m.items.n, m.groups.arrive(ex)
	switch slot := m.sampler.arrive(size, m.places(m.cfg, size, m.Bytes(), m.cost(ex)), r); slot {
	case rejected:
	case size:
		m.insert(ex, at)
	default:
		m.overwrite(slot, ex, at)
	}
	for m.cfg.exceeds(m.Bytes()) && m.items.n > 0 {
		m.evict(r.IntN(m.items.n))
	}
}

func (m *groupedReservoir) drop(slot int) {
	m.leave(m.items.n)
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
	for slot := s.items.n - 1; slot >= 0; slot-- {
		if match(s.items.at(slot)) {
			drop(slot)
			n++
		}
	}
	return n
}
