package models

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// A Distillation says how logits are held against those of a teacher.
type Distillation string

const (
	// DistillNone leaves Batch.Distill unread.
	DistillNone Distillation = ""
	// DistillSquared is the mean squared difference of the logits.
	DistillSquared Distillation = "squared"
	// DistillKL is the divergence of the softmax at a temperature from the teacher's,
	// times the temperature's square; for multiclass alone.
	DistillKL Distillation = "kl"
)

// An Objective says which terms the loss of a Model has:
//
//	Σ w_i loss_i / Σ w_i  +  Σ d_i distillation_i / Σ d_i
//
// with w the Weights and d the DistillWeights of a Batch. The zero value is the plain
// loss, and costs nothing.
type Objective struct {
	// Masked says that batches have a Mask; for multiclass alone.
	Masked bool
	// Distill says which term there is for Batch.Distill.
	Distill Distillation
	// Temperature of DistillKL, above 0. Default 2.
	Temperature float64
	// Smoothing is the share of each target, in [0, 1), that is spread evenly over the
	// classes that take part (Szegedy et al., "Rethinking the Inception architecture for
	// computer vision", 2016); not for regression.
	Smoothing float64
	// Sum takes weights as coefficients: neither term is divided by the sum of its
	// weights.
	Sum bool
}

// WithDefaults fills in what is zero.
func (o Objective) WithDefaults() Objective {
	if o.Distill == DistillKL && o.Temperature == 0 {
		o.Temperature = 2
	}
	return o
}

// Validate names the field that breaks a rule for a model of that spec.
func (o Objective) Validate(s Spec) error {
	o = o.WithDefaults()
	switch {
	case o.Masked && s.Task != Multiclass:
		return fmt.Errorf("objective.masked: must be false for task %s", s.Task)
	case o.Distill != DistillNone && o.Distill != DistillSquared && o.Distill != DistillKL:
		return fmt.Errorf("objective.distill: must be one of squared, kl, got %q", o.Distill)
	case o.Distill == DistillKL && s.Task != Multiclass:
		return fmt.Errorf("objective.distill: must be squared for task %s, got kl", s.Task)
	case o.Distill == DistillKL && !(o.Temperature > 0 && o.Temperature <= math.MaxFloat32):
		return fmt.Errorf("objective.temperature: must be above 0 and finite, got %v", o.Temperature)
	case !(o.Smoothing >= 0 && o.Smoothing < 1):
		return fmt.Errorf("objective.smoothing: must be in [0, 1), got %v", o.Smoothing)
	case o.Smoothing > 0 && s.Task == Regression:
		return fmt.Errorf("objective.smoothing: must be 0 for task regression, got %v", o.Smoothing)
	}
	return nil
}

// plain says that the graph is that of the plain loss.
func (o Objective) plain() bool { return !o.Masked && o.Distill == DistillNone && !o.Sum }

// SetObjective gives the loss other terms. Graphs are built anew when a batch next needs
// them. It returns an error, and changes nothing, if the objective is not valid.
func (m *Model) SetObjective(o Objective) error {
	if err := o.Validate(m.spec); err != nil {
		return err
	}
	m.objective, m.usual = o.WithDefaults(), o == Objective{}
	m.forget()
	m.last = nil
	return nil
}

// Trained returns the logits, Rows x Outputs, from which the last successful Gradients
// computed its loss, whatever step followed; valid until the next call of it. It is nil if
// that call failed.
func (m *Model) Trained() []float32 {
	if m.last == nil {
		return nil
	}
	return m.last[:m.lastRows*m.spec.Outputs()]
}

// extras is the memory of what a batch brings to an objective that is not plain.
type extras struct {
	mask, teacher, groups []float32 // size × Outputs
	coefficients          []float32 // size; zero below the batch
}

// cost extends a graph from logits to the loss; inputs are those that have a row for each
// of a batch's.
func (m *Model) cost(g *gorgonia.ExprGraph, t *trainer, size int) (cost *gorgonia.Node, inputs gorgonia.Nodes, err error) {
	k := m.spec.Outputs()
	targets := input(g, "targets", t.targets, size, k)
	weights := input(g, "weights", t.weights, size)
	inputs = gorgonia.Nodes{targets, weights}
	if m.objective.plain() {
		loss := op.SquaredError
		switch m.spec.Task {
		case Binary:
			loss = op.SigmoidCrossEntropy
		case Multiclass:
			loss = op.SoftmaxCrossEntropy
		}
		cost, err = loss(t.logits, targets, weights)
		return cost, inputs, err
	}
	x := &extras{mask: make([]float32, size*k)}
	t.extras = x
	by := op.Mean
	if m.objective.Sum {
		by = op.Sum
	}
	loss := op.SquaredLogits
	switch m.spec.Task {
	case Binary:
		loss = op.MaskedSigmoid
	case Multiclass:
		loss = op.MaskedCrossEntropy
	}
	mask := input(g, "mask", x.mask, size, k)
	inputs = append(inputs, mask)
	if cost, err = loss(by, t.logits, targets, mask, weights); err != nil || m.objective.Distill == DistillNone {
		return cost, inputs, err
	}
	x.teacher, x.groups, x.coefficients = make([]float32, size*k), make([]float32, size*k), make([]float32, size)
	teacher, groups := input(g, "teacher", x.teacher, size, k), input(g, "groups", x.groups, size, k)
	coefficients := input(g, "coefficients", x.coefficients, size)
	inputs = append(inputs, teacher, groups, coefficients)
	var taught *gorgonia.Node
	if m.objective.Distill == DistillKL {
		taught, err = op.Distillation(by, m.objective.Temperature, t.logits, teacher, groups, coefficients)
	} else {
		taught, err = op.SquaredLogits(by, t.logits, teacher, groups, coefficients)
	}
	if err != nil {
		return nil, nil, err
	}
	cost, err = op.Together(cost, taught)
	return cost, inputs, err
}

// fillExtras writes what the batch brings to the objective, and zeros below it if they are
// read.
func (m *Model) fillExtras(t *trainer, b *Batch) {
	x := t.extras
	if x == nil {
		return
	}
	n := b.Rows * m.spec.Outputs()
	fill(x.mask, b.Mask, n, 1)
	if x.teacher == nil {
		return
	}
	fill(x.teacher, b.Distill, n, 0)
	fill(x.groups, b.Groups, n, 1)
	fill(x.coefficients, b.DistillWeights, b.Rows, 0)
	if !t.partial {
		clear(x.coefficients[b.Rows:])
	}
}

// fill copies n values to dst, or writes one value n times where there are none.
func fill(dst, src []float32, n int, absent float32) {
	if src != nil {
		copy(dst, src)
		return
	}
	for i := range dst[:n] {
		dst[i] = absent
	}
}

// smooth spreads a share of each target over the classes that take part.
func (m *Model) smooth(t *trainer, b *Batch) {
	share := m.objective.Smoothing
	if share == 0 {
		return
	}
	k := m.spec.Outputs()
	keep := float32(1 - share)
	for i := range b.Rows {
		row := t.targets[i*k : (i+1)*k]
		if m.spec.Task == Binary {
			row[0] = keep*row[0] + float32(share/2)
			continue
		}
		var mask []float32
		if b.Mask != nil {
			mask = b.Mask[i*k : (i+1)*k]
		}
		n := k
		if mask != nil {
			n = 0
			for _, v := range mask {
				if v != 0 {
					n++
				}
			}
		}
		for j := range row {
			if mask == nil || mask[j] != 0 {
				row[j] = float32(keep*row[j]) + float32(share/float64(n))
			}
		}
	}
}

// checkExtras returns ErrBatch or ErrNonFinite unless the objective may use the batch.
func (b *Batch) checkExtras(c *core, o *Objective) error {
	if b.Mask == nil && b.Distill == nil && b.Groups == nil && b.DistillWeights == nil {
		return nil
	}
	k := c.spec.Outputs()
	if b.Mask != nil && !o.Masked {
		return fmt.Errorf("%w: Mask is set, must be nil for an objective that is not masked", ErrBatch)
	}
	if o.Distill == DistillNone && (b.Distill != nil || b.DistillWeights != nil || b.Groups != nil) {
		return fmt.Errorf("%w: Distill is set, must be nil for an objective without distillation", ErrBatch)
	}
	for _, f := range [...]struct {
		name  string
		data  []float32
		width int
	}{{"Mask", b.Mask, k}, {"Distill", b.Distill, k}, {"Groups", b.Groups, k}, {"DistillWeights", b.DistillWeights, 1}} {
		if f.data == nil {
			continue
		}
		if len(f.data) != b.Rows*f.width {
			return fmt.Errorf("%w: %s has %d values, must be %d rows of %d", ErrBatch, f.name, len(f.data), b.Rows, f.width)
		}
		if !c.kernels.Finite(f.data) {
			return fmt.Errorf("%w: %s", ErrNonFinite, f.name)
		}
	}
	if (b.Distill == nil) != (b.DistillWeights == nil) {
		return fmt.Errorf("%w: DistillWeights must be set if and only if Distill is", ErrBatch)
	}
	for i, w := range b.DistillWeights {
		if w < 0 {
			return fmt.Errorf("%w: DistillWeights[%d] is %v, must not be negative", ErrBatch, i, w)
		}
	}
	for i, g := range b.Groups {
		if !(g >= 0 && g <= MaxClasses) || g != float32(int(g)) {
			return fmt.Errorf("%w: Groups[%d] is %v, must be a whole number in [0, %d]", ErrBatch, i, g, MaxClasses)
		}
	}
	for i, v := range b.Mask {
		if v == 0 && b.Targets[i] != 0 && b.Weights[i/k] != 0 {
			return fmt.Errorf("%w: Mask[%d] is 0, must not be where the target is %v", ErrBatch, i, b.Targets[i])
		}
	}
	return nil
}
