package engine

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

func (a *arm) restoreMemory(read func(string) ([]byte, error), name string, m replay.Memory) error {
	return restorePart(read, name, func(head []byte) error {
		state, err := replay.Join(head, func(suffix string) ([]byte, error) { return read(name + suffix) })
		if err != nil {
			return err
		}
		if err := m.Restore(state); err != nil {
			return err
		}
		// A memory knows no shapes; the model does.
		var misfit error
		m.Remove(func(ex *replay.Example) bool {
			if misfit == nil {
				misfit = checkExample(ex, a.model.Spec())
			}
			return false
		})
		return misfit
	})
}

// checkExample holds an example that was read back against the model's shapes.
func checkExample(ex *replay.Example, spec models.Spec) error {
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
