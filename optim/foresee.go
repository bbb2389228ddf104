package optim

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
)

// Foresee overwrites grad with the step that Update would, and leaves the state as it was:
// a step to be tried on a copy of the parameters. Errors are Update's.
func (p *Pipeline) Foresee(grad, params models.Params) error {
	if err := p.shape.FitsGrads(grad); err != nil {
		return fmt.Errorf("gradient: %w", err)
	}
	if err := p.shape.Fits(params); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	if err := check("gradient", grad); err != nil {
		return err
	}
	done, err := p.propose(0, len(p.links), grad, params)
	if err == nil {
		err = checkStep(grad, params)
	}
	return p.takeBack(done, err)
}
