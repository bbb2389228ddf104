package arm

import (
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// newDrift returns nil for an arm that does not look for drift.
func newDrift(cfg Config) *guard.Drift {
	if cfg.Consolidation.Drift.FalseAlarms == 0 {
		return nil
	}
	return guard.NewDrift(cfg.Consolidation.Drift)
}

// Score meters an answer that the arm gave before it learned the label, and shows the
// detector how wrong it was.
func (a *Arm) Score(ex *replay.Example, outputs []float32) {
	a.meter.Add(ex.Segment, outputs, ex.Target, ex.Weight)
	if a.drift != nil && a.drift.Observe(wrongness(a.batch.Spec().Task, outputs, ex.Target)) {
		a.drifted = true
		a.counts.Drifts++
	}
}

// Drifted reports whether the detector has given an alarm since the last call.
func (a *Arm) Drifted() bool {
	drifted := a.drifted
	a.drifted = false
	return drifted
}

// wrongness is the probability that an answer leaves to what the label was not.
func wrongness(task models.Task, outputs []float32, target float32) float64 {
	if task == models.Binary {
		p, y := float64(outputs[0]), float64(target)
		return float64(y*(1-p)) + float64((1-y)*p)
	}
	return 1 - float64(outputs[int(target)])
}
