package compute

import "github.com/perennial-ml/perennial/compute/internal/kernel"

// A Single is the loss of a linear model of few features for one example, without a plan: with
// t the target
//
//	z = Σ_i table[ids_i] + bias    loss = softplus(z) - t z, or (z - t)²
//
// Its results have the bits that a Plan of op.Bags, op.Shift and op.SigmoidCrossEntropy or
// op.SquaredError has for a batch of one row. To walk through that plan takes longer than its
// arithmetic. It belongs to one goroutine.
type Single struct {
	set       *kernel.Set
	squared   bool
	collector *kernel.Collector
	distinct  bool // no id of the last Sum is absent, and none occurs twice
	index     []int32
	values    []float32
	// Of one element each, as kernels have it: z, the derivative by it, and its softplus.
	z, slope, plus []float32
}

// NewSingle returns a Single with these kernels for up to n features.
func (a Arithmetic) NewSingle(n int, squared bool) *Single {
	one := make([]float32, 3)
	return &Single{
		set: a.set, squared: squared, collector: kernel.NewCollector(n),
		index: make([]int32, n), values: make([]float32, n),
		z: one[:1:1], slope: one[1:2:2], plus: one[2:],
	}
}

// Sum computes z. Ids below 0 are absent; one that the table does not have is a panic.
func (s *Single) Sum(table []float32, ids []int32, bias float32) {
	s.set.Bags(s.z, table, ids, nil, 1, len(ids))
	s.z[0] += bias
	s.distinct = s.collector.Distinct(s.set, ids) // while rows come
}

// Z returns z, in memory that Sum writes to.
func (s *Single) Z() []float32 { return s.z }

// Loss returns the weighted mean of the one loss, which is 0 if the weight is, and keeps its
// derivative by z.
func (s *Single) Loss(target, weight float32) float64 {
	var loss float64
	if s.squared {
		s.slope[0] = 2 * (s.z[0] - target)
		d := float64(s.z[0]) - float64(target)
		loss = d * d
	} else {
		s.set.Apply(s.slope, s.z, kernel.Sigmoid)
		s.slope[0] -= target
		s.set.Softplus(s.plus, s.z)
		loss = float64(s.plus[0]) - float64(float64(target)*float64(s.z[0]))
	}
	if weight == 0 {
		s.slope[0] = 0
		return 0
	}
	return float64(float64(weight)*loss) / float64(weight)
}

// Slope returns the derivative of the last Loss by z, which is that by the bias.
func (s *Single) Slope() float32 { return s.slope[0] + 0 }

// Rows sets to to the derivative of the last Loss by the table, for the ids of the last Sum, as
// WithSparseResult does. The slices hold until the next call, and may be ids.
func (s *Single) Rows(to *Sparse, ids []int32) {
	if g := s.slope[0]; s.distinct && g != 0 {
		to.Index, to.Values = ids, s.values[:len(ids)]
		kernel.Fill(to.Values, g)
		return
	}
	n := s.collector.Collect(s.set, s.index, s.values, ids, nil, s.slope, 1, len(ids))
	to.Index, to.Values = s.index[:n], s.values[:n]
}
