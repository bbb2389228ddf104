package optim

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
)

// Learn takes a step for a batch, and returns its loss before the step: what m.Gradients and
// Step do, with the same bits, for the parameters of m, which were those that p was made for.
// After an error the parameters of m and the state of p are as before.
//
// Where nothing but a schedule stands beside the optimizer, the gradient of a matrix never
// exists as a whole: a few of its rows at a time are computed, and used while they are near.
// Rows that are alike, under inputs of one value, are computed once, and not at all where they are
// 0 and the optimizer has nothing to do then.
func (p *Pipeline) Learn(m *models.Model, b *models.Batch) (float64, error) {
	f := p.fused()
	if f == nil || f.before > 0 || f.clip != nil {
		return p.learnApart(m, b)
	}
	if p.learner != m {
		m.PrefetchWith(f.main.memory().tensors()...)
		p.learner = m
	}
	loss, err := m.Differentiate(b)
	if err != nil {
		return 0, err
	}
	params, grads := m.Params(), m.Grads()
	if p.fitted != &params[0] {
		if err := p.shape.Fits(params); err != nil {
			return 0, fmt.Errorf("parameters: %w", err)
		}
		p.fitted = &params[0]
	}
	if !p.mild(m, grads) || !p.surveyed && !f.main.tame(p.kernels, params) {
		if err := m.Multiply(); err != nil {
			return 0, err
		}
		return loss, p.Step(grads, params)
	}
	p.surveyed = true
	h, finite := p.begin(f), true
	p.share.main, p.share.hyper = f.main, h
	for i := range grads {
		h.Factor = f.factor(i)
		product := m.Product(i)
		if product == nil {
			finite = f.main.descend(p.updater, i, 0, &params[i], &grads[i], h) && finite
			continue
		}
		if ok, done := f.descendOuter(p.updater, i, product, &params[i], h); done {
			finite = ok && finite
			continue
		}
		finite = p.share.descend(product, i, &params[i], &grads[i]) && finite
	}
	f.main.memory().touch(grads)
	p.commit()
	if !finite {
		return 0, fmt.Errorf("%w: parameters before the step", ErrNonFinite)
	}
	return loss, nil
}

func (p *Pipeline) learnApart(m *models.Model, b *models.Batch) (float64, error) {
	loss, err := m.Gradients(b)
	if err != nil {
		return 0, err
	}
	return loss, p.Step(m.Grads(), m.Params())
}

// A part of a gradient of few terms is as large as stays in the first-level cache beside its
// parameters, in multiples of what a register tile covers. With more terms the product costs
// more than passing over it, and is better computed at once.
const (
	fewTerms  = 8
	partSize  = 2048
	partBlock = 12 // rows
)

func partRows(rows, width, terms int) int {
	if terms > fewTerms {
		return rows
	}
	return max(1, partSize/(width*partBlock)) * partBlock
}

// mild says that the norm of the gradient is finite and no more than largest, but for
// rounding, by the bounds of what is not multiplied out.
func (p *Pipeline) mild(m *models.Model, grads models.Params) bool {
	sum := 0.0
	for i := range grads {
		if product := m.Product(i); product != nil {
			bound := product.Bound()
			sum += bound * bound
			continue
		}
		sum += float64(m.Squares(i))
	}
	return sum <= largest*largest
}
