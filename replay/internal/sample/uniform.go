package sample

import "math/rand/v2"

// A Uniform decides by which arrivals a uniform sample changes. It is Vitter's
// algorithm R; after removals it is the random pairing of Gemulla, Lehner and Haas:
// a removal from the sample stands for the removals of the whole population that are
// likely to have come with it, and each of those is made up for by one later arrival,
// which enters the sample with the probability Holes/Debt. Until then the sample is
// smaller, and still uniform.
type Uniform struct {
	Population uint64 // arrivals that no removal cancels
	Holes      uint64 // removals from the sample, not made up for yet
	Debt       uint64 // removals from the population, not made up for yet; Holes <= Debt
}

// Rejected is the slot of an arrival that does not enter the sample.
const Rejected = -1

// Arrive returns the slot that an arrival takes in a sample of that size: size for a
// new one, a slot below it for that of another example, or Rejected.
func (s *Uniform) Arrive(size, capacity int, r *rand.Rand) int {
	if s.Debt > 0 {
		enters := r.Uint64N(s.Debt) < s.Holes
		s.Debt--
		if !enters {
			return Rejected
		}
		s.Holes--
		return size
	}
	s.Population++
	if size < capacity {
		return size
	}
	if at := r.Uint64N(s.Population); at < uint64(capacity) {
		return int(at)
	}
	return Rejected
}

// Leave tells that one example was removed from a sample that had that size.
func (s *Uniform) Leave(size int) {
	if size <= 1 {
		*s = Uniform{} // nothing is left that newcomers could be compared with
		return
	}
	// Each example of the sample stands for so many of the population.
	s.Debt += (s.Population - s.Debt) / uint64(size)
	s.Holes++
}

// Check reports whether the account can be that of a sample of that size. A bound on bytes may
// have kept it below the capacity.
func (s *Uniform) Check(size, capacity int, bounded bool) bool {
	switch {
	case s.Holes > s.Debt || s.Debt > s.Population:
		return false
	case s.Holes > uint64(capacity) || s.Population-s.Debt < uint64(size):
		return false
	}
	taken, most := uint64(size)+s.Holes, min(s.Population, uint64(capacity))
	return taken == most || taken < most && bounded
}

// Places returns the number of places of a sample of that size whose bytes are bounded, and
// may have room for one more: the capacity, or less. Then the sample does not grow any more,
// since what it passed over cannot come back.
func (s *Uniform) Places(size, capacity int, room bool) int {
	if whole := s.Debt == 0 && s.Population == uint64(size); whole && room {
		return capacity
	}
	return size + int(s.Holes)
}
