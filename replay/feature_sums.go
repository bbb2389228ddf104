package replay

// featureSums are the sums of the features held of each group, each rounded to a multiple of
// 2⁻²⁶. Those are exact in a float64 for MaxCapacity features of norm 1, so that a sum depends
// on what is held alone, and not on the order in which it came and others went.
type featureSums struct {
	width int
	list  [][]float64 // by group
}

// coarse added to a number of less than its half, and taken away again, leaves the number
// rounded to a multiple of 2⁻²⁶.
const coarse = 3 << 25

// of returns the sum of a group.
func (s *featureSums) of(group int) []float64 {
	for group >= len(s.list) {
		s.list = append(s.list, make([]float64, s.width))
	}
	return s.list[group]
}

func (s *featureSums) add(group int, f []float32) {
	sum := s.of(group)[:len(f)]
	for i, v := range f {
		sum[i] += float64(float64(v)+coarse) - coarse
	}
}

func (s *featureSums) subtract(group int, f []float32) {
	sum := s.of(group)[:len(f)]
	for i, v := range f {
		sum[i] -= float64(float64(v)+coarse) - coarse
	}
}
