package optim

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
)

// Evidence tells a consolidation what the examples of the phase that ends say about the
// parameters. Each method writes to dst, which has the tensors of the parameters, and
// returns the number of examples that it is a mean over; with none, dst is undefined.
type Evidence interface {
	// Fisher estimates the diagonal of the Fisher information: the mean of the squared
	// gradients of single examples. Kind is empirical, true or exact.
	Fisher(dst models.Params, kind string) (int, error)
	// Sensitivity is the mean of |∂(Σ z²)/∂θ|, z being an example's logits.
	Sensitivity(dst models.Params) (int, error)
}

// consolidating is a stage that guards what was learned.
type consolidating interface {
	stage
	// consolidate proposes the state after a phase of learning that ends with params.
	consolidate(params models.Params, ev Evidence) error
}

// Consolidate tells every Transform that guards what was learned (EWC, SI, MAS, L2) that a
// phase of learning ends with these parameters. Ev may be nil if none asks for it (see
// Asks). After an error the state is as before.
func (p *Pipeline) Consolidate(params models.Params, ev Evidence) error {
	if err := p.shape.Fits(params); err != nil {
		return err
	}
	if err := check("parameters", params); err != nil {
		return err
	}
	var proposed []*memory
	for _, l := range p.links {
		c, ok := l.own.(consolidating)
		if !ok {
			continue
		}
		m := c.memory()
		m.begin()
		if err := c.consolidate(params, ev); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		if err := m.check(); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		proposed = append(proposed, m)
	}
	for _, m := range proposed {
		m.commit()
	}
	return nil
}

// Guards says that a Transform of the list changes at a consolidation.
func Guards(list []Config) bool {
	for _, c := range list {
		if c.EWC != nil || c.SI != nil || c.RWalk != nil || c.MAS != nil || c.L2 != nil {
			return true
		}
	}
	return false
}

// Asks says that a Transform of the list needs Evidence at a consolidation.
func Asks(list []Config) bool {
	for _, c := range list {
		if c.MAS != nil || c.EWC != nil && c.EWC.WithDefaults().Fisher != FisherStreaming {
			return true
		}
	}
	return false
}

// A starter's state does not begin at zero.
type starter interface{ start(params models.Params) }

// Reset takes the optimizer, and its schedule, back to how they were built, for learning
// that begins at params: moments and counts of steps. Penalties keep what they guard.
func (p *Pipeline) Reset(params models.Params) {
	p.surveyed = false
	for _, l := range p.links {
		_, isMain := l.own.(main)
		_, isSchedule := l.own.(*schedule)
		if isMain || isSchedule {
			l.own.memory().clear()
		}
		if s, ok := l.own.(starter); ok && isMain {
			s.start(params)
		}
	}
}

// clear makes moments and counters zero.
func (m *memory) clear() {
	for _, s := range m.slots {
		s.clear()
		s.dirty.MarkAll()
	}
	for _, c := range m.counters {
		c.cur = 0
	}
}
