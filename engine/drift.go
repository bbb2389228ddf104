package engine

import (
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// newDrift returns nil for an arm that does not look for drift.
func newDrift(cfg Arm) *guard.Drift {
	if cfg.Consolidation.Drift.FalseAlarms == 0 {
		return nil
	}
	return guard.NewDrift(cfg.Consolidation.Drift)
}

// watch shows the detector how wrong an answer was that was given before its label was
// learned.
func (a *arm) watch(outputs []float32, ex *replay.Example) {
	if a.drift != nil && a.drift.Observe(wrongness(a.batch.spec.Task, outputs, ex.Target)) {
		a.drifted = true
		a.counts.Drifts++
	}
}

// wrongness is the probability that an answer leaves to what the label was not.
func wrongness(task models.Task, outputs []float32, target float32) float64 {
	if task == models.Binary {
		p, y := float64(outputs[0]), float64(target)
		return float64(y*(1-p)) + float64((1-y)*p)
	}
	return 1 - float64(outputs[int(target)])
}
