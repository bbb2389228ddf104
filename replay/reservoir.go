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
	if size == 1 {
		*s = sampler{} // nothing is left that newcomers could be compared with
		return
	}
	// Each example of the sample stands for so many of the population.
	s.debt += (s.population - s.debt) / uint64(size)
	s.holes++
}

// check reports whether the sampler can belong to a sample of that size.
func (s *sampler) check(size, capacity int) bool {
	switch {
	case s.holes > s.debt || s.debt > s.population:
		return false
	case s.holes > uint64(capacity) || s.population-s.debt < uint64(size):
		return false
	}
	return uint64(size)+s.holes == min(s.population, uint64(capacity))
}

// reservoir keeps every example of the stream with equal probability.
type reservoir struct {
	cfg Config
	store
	drawer
	sampler
}

func newReservoir(cfg Config) *reservoir {
	return &reservoir{cfg: cfg, store: newStore()}
}

func (m *reservoir) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) {
		return
	}
	switch slot := m.arrive(len(m.items), m.cfg.Capacity, r); slot {
	case rejected:
	case len(m.items):
		m.push(ex)
	default:
		m.put(slot, ex)
	}
}

func (m *reservoir) Replace(ex *Example) bool {
	slot, ok := m.find(ex.ID)
	if ok {
		m.put(slot, ex)
	}
	return ok
}

func (m *reservoir) Draw(dst []*Example, n int, r *rand.Rand) []*Example {
	return m.draw(dst, m.items, nil, n, r)
}

func (m *reservoir) drop(slot int) {
	m.leave(len(m.items))
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

func (m *reservoir) Len() int   { return len(m.items) }
func (m *reservoir) Bytes() int { return m.size() }

// sweep drops the examples that match. It goes from the last slot to the first, since
// dropping one moves the last into its slot.
func sweep(s *store, match func(*Example) bool, drop func(slot int)) int {
	n := 0
	for slot := len(s.items) - 1; slot >= 0; slot-- {
		if match(s.items[slot]) {
			drop(slot)
			n++
		}
	}
	return n
}
