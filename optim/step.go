package optim

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// A main is an optimizer that can write the parameters itself: the stage that turns a
// gradient into a step, and the subtraction of that step, in one pass.
type main interface {
	stage
	// tame says that settings, state and parameters are of sizes at which no step
	// overflows, for as long as gradients have a norm of largest or less.
	tame(k compute.Arithmetic, params models.Params) bool
	// settings proposes the counters of the next step, and writes its settings to h.
	settings(h *compute.Hyper)
	// descend takes the step for the part of tensor i that begins with element at and is
	// as long as theta, and writes it to theta and to the state: of a sparse tensor, always
	// whole, to the rows that the gradient lists. It returns false if what it wrote is not
	// finite.
	descend(u *compute.Updater, i, at int, theta, grad *models.Param, h *compute.Hyper) bool
}

// With a gradient of norm largest, averages of it of norm tameMean, sums of its squares of
// norm tameSquares and an epsilon of at least tameEpsilon, steps are below 2^103: half a
// unit in the last place of the largest float32, so that none makes a finite parameter
// infinite. Weight decay moves a parameter towards 0, and beyond it by no more.
const (
	largest     = 1e9
	tameMean    = 1e12
	tameSquares = 1e30
	tameEpsilon = 1e-12
	tameDecay   = 0.9999 // of an average
)

// Step does what Update and Apply do, with the same bits: it takes the step for grad from
// params, which are finite, and leaves grad undefined. After an error params and state are
// as before.
//
// Where an optimizer stands last but for a schedule, and nothing can overflow, that is one
// pass over parameters, gradient and state, after those of the penalties and one for the
// norm of the gradient. Otherwise it is Update and Apply.
func (p *Pipeline) Step(grad, params models.Params) error {
	f := p.fused()
	if f == nil {
		return p.stepApart(grad, params)
	}
	if err := p.shape.FitsGrads(grad); err != nil {
		return fmt.Errorf("gradient: %w", err)
	}
	if err := p.shape.Fits(params); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	norm, known := 0.0, f.before == 0 && f.clip != nil
	if known {
		norm = math.Sqrt(squares(p.kernels, grad))
	}
	if !(norm <= largest) || !known && !bounded(p.kernels, grad) || !p.surveyed && !f.main.tame(p.kernels, params) {
		return p.stepApart(grad, params)
	}
	p.surveyed = true
	if f.before > 0 {
		if _, err := p.propose(0, f.before, grad, params); err != nil {
			return err
		}
	}
	if f.before > 0 {
		norm = math.Sqrt(squares(p.kernels, grad))
	}
	if !(norm <= largest) {
		return p.finish(f.before, grad, params)
	}
	h := p.begin(f)
	if f.clip != nil {
		h.Scale = f.clip.scale(norm)
	}
	finite := true
	for i := range grad {
		h.Factor = f.factor(i)
		finite = f.main.descend(p.updater, i, 0, &params[i], &grad[i], h) && finite
	}
	f.main.memory().touch(grad)
	p.commit()
	if !finite {
		return fmt.Errorf("%w: parameters before the step", ErrNonFinite)
	}
	return nil
}

// begin proposes the counters of a step in one pass, and returns its settings, but for the
// factor of each tensor.
func (p *Pipeline) begin(f *fusion) *compute.Hyper {
	for i := f.before; i < len(p.links); i++ {
		p.links[i].own.memory().begin()
	}
	h := &p.hyper
	f.main.settings(h)
	h.Scale, h.Factor = 1, 1
	if f.schedule != nil {
		f.schedule.advance()
	}
	return h
}

// factor is what the schedule multiplies the step of tensor i by.
func (f *fusion) factor(i int) float32 {
	if f.schedule == nil {
		return 1
	}
	return f.schedule.factor(i)
}

// bounded says that the norm of a gradient is finite and no more than largest, but for
// rounding: it adds in float32, in a fraction of the time of squares.
func bounded(k compute.Arithmetic, grad models.Params) bool {
	sum := float32(0)
	for _, t := range grad {
		sum += k.Dot(t.Data, t.Data)
	}
	return sum <= largest*largest
}

// finish goes on after the first links, which had no Transform from outside among them.
func (p *Pipeline) finish(from int, grad, params models.Params) error {
	p.surveyed = false
	if _, err := p.propose(from, len(p.links), grad, params); err != nil {
		return err
	}
	if err := checkStep(grad, params); err != nil {
		return err
	}
	p.commit()
	Apply(params, grad)
	return nil
}

// stepApart is Step in two parts.
func (p *Pipeline) stepApart(grad, params models.Params) error {
	if err := p.Update(grad, params); err != nil {
		return err
	}
	Apply(params, grad)
	return nil
}

// fusion is a Pipeline taken apart: so many links, a clip, an optimizer, a schedule.
type fusion struct {
	before   int
	clip     *clip
	main     main
	outer    outer // main, if it is one
	schedule *schedule
}

// fused returns the parts, nil if the links are others.
func (p *Pipeline) fused() *fusion {
	if p.parts != nil || p.apart {
		return p.parts
	}
	p.apart = true
	f := &fusion{}
	rest := p.links
	for len(rest) > 0 && isPenalty(rest[0].own) {
		f.before++
		rest = rest[1:]
	}
	if len(rest) > 0 {
		if c, ok := rest[0].own.(*clip); ok {
			f.clip, rest = c, rest[1:]
		}
	}
	if len(rest) == 0 {
		return nil
	}
	m, ok := rest[0].own.(main)
	if !ok {
		return nil
	}
	f.main, rest = m, rest[1:]
	f.outer, _ = m.(outer)
	if len(rest) > 0 {
		if s, ok := rest[0].own.(*schedule); ok {
			f.schedule, rest = s, rest[1:]
		}
	}
	if len(rest) == 0 {
		p.parts, p.apart = f, false
	}
	return p.parts
}

func isPenalty(s stage) bool {
	switch s.(type) {
	case *si, *rwalk, *ewc, *mas, *l2, *l2sp:
		return true
	}
	return false
}

// within says that each tensor's norm is no more than bound.
func within(k compute.Arithmetic, state models.Params, bound float64) bool {
	for _, t := range state {
		if !(k.SumSquares(t.Data) <= bound*bound) {
			return false
		}
	}
	return true
}
