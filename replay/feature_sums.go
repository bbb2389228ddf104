package replay

import "github.com/perennial-ml/perennial/internal/lanes"

// featureSums are the sums of the features held of each group, each rounded to a multiple of
// 2⁻²⁶. Those are exact in a float64 for MaxCapacity features of norm 1, so that a sum depends
// on what is held alone, and not on the order in which it came and others went.
type featureSums struct {
	vectors *lanes.Set
	origin  []float32   // zeros
	list    [][]float64 // by group
}

// coarse is of the size at which a float64 has steps of 2⁻²⁶.
const coarse = 3 << 25

func newFeatureSums(vectors *lanes.Set, width int) featureSums {
	return featureSums{vectors: vectors, origin: make([]float32, width)}
}

// of returns the sum of a group.
func (s *featureSums) of(group int) []float64 {
	for group >= len(s.list) {
		s.list = append(s.list, make([]float64, len(s.origin)))
	}
	return s.list[group]
}

// trade adds a feature to the sum of a group, and takes another out; nil is none.
func (s *featureSums) trade(group int, in, out []float32) {
	if in == nil {
		in = s.origin
	}
	if out == nil {
		out = s.origin
	}
	s.vectors.Trade(s.of(group), in, out, coarse)
}
