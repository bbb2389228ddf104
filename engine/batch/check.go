package batch

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// Check holds an example that was read back against the model's shapes.
func Check(ex *replay.Example, spec models.Spec) error {
	switch {
	case ex == nil:
		return fmt.Errorf("example is missing")
	case ex.Width() != spec.Dense:
		return fmt.Errorf("example %s has %d dense features, the model %d", ex.ID, ex.Width(), spec.Dense)
	case len(ex.Categories) != len(spec.Categories):
		return fmt.Errorf("example %s has %d categorical features, the model %d", ex.ID, len(ex.Categories), len(spec.Categories))
	}
	if len(ex.Logits) > spec.Outputs() {
		return fmt.Errorf("example %s has %d logits, the model %d outputs", ex.ID, len(ex.Logits), spec.Outputs())
	}
	for _, v := range ex.Logits {
		if v-v != 0 {
			return fmt.Errorf("example %s has a logit that is not finite", ex.ID)
		}
	}
	optional := spec.Absent()
	for i, c := range ex.Categories {
		if c < 0 && optional != nil && optional[i] {
			continue
		}
		if c < 0 || int(c) >= spec.Categories[i] {
			return fmt.Errorf("example %s: category %d is outside the %d buckets of feature %d", ex.ID, c, spec.Categories[i], i)
		}
	}
	if spec.Task == models.Multiclass && !(ex.Target >= 0 && int(ex.Target) < spec.Classes) {
		return fmt.Errorf("example %s has class %g of %d", ex.ID, ex.Target, spec.Classes)
	}
	return nil
}
