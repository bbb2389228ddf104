package models

import "fmt"

// A Batch is up to a capacity of rows, row-major. The caller owns and reuses it.
type Batch struct {
	Rows       int
	Dense      []float32 // Rows x Spec.Dense
	Categories []int32   // Rows x len(Spec.Categories); in a bag, below 0 where there is no value
	// Targets is Rows x Spec.Outputs(): p(1) in [0, 1] (binary), a distribution
	// over the classes (multiclass), the value (regression). Unused by Predict.
	Targets []float32
	Weights []float32 // Rows; zero leaves a row out. Unused by Predict.

	// Mask is Rows x Spec.Outputs(), for multiclass: a class of 0 takes no part in its
	// row's softmax, and must not be a target. Nil lets all take part. Gradients takes
	// one if the Objective is masked, Predict always.
	Mask []float32

	// Noise decides which elements a spec with dropout leaves out: equal numbers, equal
	// masks. Unused by Predict.
	Noise uint64

	// The rest is for a Model whose Objective has a use for it.

	// Distill is Rows x Spec.Outputs(): the teacher's logits. Nil if no row has any.
	Distill []float32
	// DistillWeights is Rows: zero leaves a row out of the distillation.
	DistillWeights []float32
	// Groups is Rows x Spec.Outputs(): classes with equal numbers from 1 are distilled
	// together, those of number 0 take no part. Nil makes all one group.
	Groups []float32
}

// massTolerance is how far the sum of a target distribution may be from 1.
const massTolerance = 1e-3

// checkFeatures returns ErrBatch unless Predict may use the batch, but for what machine.fill
// tells: numbers that are not finite, and categories that are looked up.
func (b *Batch) checkFeatures(c *core) error {
	s, capacity := &c.spec, c.capacity
	if b.Rows < 1 || b.Rows > capacity {
		return fmt.Errorf("%w: Rows is %d, must be between 1 and %d", ErrBatch, b.Rows, capacity)
	}
	if len(b.Dense) != b.Rows*s.Dense {
		return fmt.Errorf("%w: Dense has %d values, must be %d rows of %d", ErrBatch, len(b.Dense), b.Rows, s.Dense)
	}
	if len(b.Categories) != b.Rows*len(s.Categories) {
		return fmt.Errorf("%w: Categories has %d values, must be %d rows of %d",
			ErrBatch, len(b.Categories), b.Rows, len(s.Categories))
	}
	if c.tops != nil {
		return nil // machine.lookUp tells
	}
	return b.checkCategories(c)
}

// checkCategories returns ErrBatch unless each category is one of its feature's.
func (b *Batch) checkCategories(c *core) error {
	sizes := c.spec.Categories
	for i := 0; i < len(b.Categories); i += len(sizes) {
		for j, n := range sizes {
			if v := b.Categories[i+j]; uint(v) >= uint(n) && (v >= 0 || c.optional == nil || !c.optional[j]) {
				return fmt.Errorf("%w: Categories[%d] is %d, must be between 0 and %d", ErrBatch, i+j, v, n-1)
			}
		}
	}
	return nil
}

// checkLabels returns ErrBatch or ErrNonFinite unless the targets and weights may be
// learned from.
func (b *Batch) checkLabels(c *core) error {
	s := &c.spec
	k := s.Outputs()
	if len(b.Targets) != b.Rows*k {
		return fmt.Errorf("%w: Targets has %d values, must be %d rows of %d", ErrBatch, len(b.Targets), b.Rows, k)
	}
	if len(b.Weights) != b.Rows {
		return fmt.Errorf("%w: Weights has %d values, must be %d", ErrBatch, len(b.Weights), b.Rows)
	}
	if !c.kernels.Finite(b.Targets) {
		return fmt.Errorf("%w: Targets", ErrNonFinite)
	}
	if !c.kernels.Finite(b.Weights) {
		return fmt.Errorf("%w: Weights", ErrNonFinite)
	}
	for i, w := range b.Weights {
		if w < 0 {
			return fmt.Errorf("%w: Weights[%d] is %v, must not be negative", ErrBatch, i, w)
		}
	}
	if s.Task == Regression {
		return nil
	}
	for i := range b.Rows {
		if b.Weights[i] == 0 {
			continue
		}
		sum := 0.0
		for j, t := range b.Targets[i*k : (i+1)*k] {
			if t < 0 || t > 1 {
				return fmt.Errorf("%w: Targets[%d] is %v, must be in [0, 1]", ErrBatch, i*k+j, t)
			}
			sum += float64(t)
		}
		if s.Task == Multiclass && (sum < 1-massTolerance || sum > 1+massTolerance) {
			return fmt.Errorf("%w: Targets of row %d sum to %v, must sum to 1", ErrBatch, i, sum)
		}
	}
	return nil
}
