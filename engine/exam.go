package engine

import (
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// An exam is the first arm, as the anchors examine it. It implements anchor.Learner.
type exam struct{ engine *Engine }

// Freeze implements anchor.Learner.
func (x exam) Freeze() *models.Frozen { return x.engine.arms[0].Freeze() }

// Accuracy implements anchor.Learner.
func (x exam) Accuracy(list []*replay.Example) (float64, error) {
	e := x.engine
	return e.scores.accuracy(e.arms[0], list, e.spec.Outputs())
}

// AccuracyOf implements anchor.Learner: it asks the weights in the place of stable's.
func (x exam) AccuracyOf(weights *models.Frozen, list []*replay.Example) (float64, error) {
	e := x.engine
	spec, err := e.specOf(weights)
	if err != nil {
		return 0, fmt.Errorf("anchors: %w", err)
	}
	if err := e.scores.load(weights, spec); err != nil {
		return 0, fmt.Errorf("anchors: %w", err)
	}
	score, err := e.scores.accuracy(e.scores.predictor, list, spec.Outputs())
	stable := e.channels.stable
	return score, errors.Join(err, e.scores.load(stable.weights, stable.spec))
}

// accuracy is the share of examples whose class a model gives that knows so many of the
// outputs. Weights that give no numbers get none right.
func (s *scores) accuracy(model responder, list []*replay.Example, known int) (float64, error) {
	k, right := s.spec.Outputs(), 0
	size := len(s.outputs[0]) / k
	for from := 0; from < len(list); from += size {
		some := list[from:min(from+size, len(list))]
		s.batch.Reset()
		rows := s.batch.View()
		for _, ex := range some {
			s.batch.Add(ex)
			rows.Mask = append(rows.Mask, s.heads.Of(ex.Segment)...)
		}
		out, err := s.predict(model, s.outputs[0][:len(some)*k], s.knownTo(known))
		if err != nil {
			return 0, fmt.Errorf("anchors: %w", err)
		}
		for i := range len(out) / k {
			if correct(out[i*k:(i+1)*k], some[i].Target) {
				right++
			}
		}
	}
	return float64(right) / float64(len(list)), nil
}

// correct is the accuracy of docs/metrics.md for one example.
func correct(outputs []float32, target float32) bool {
	if len(outputs) == 1 {
		return (outputs[0] >= 0.5) == (target >= 0.5)
	}
	top := 0
	for c, p := range outputs {
		if p > outputs[top] {
			top = c
		}
	}
	return top == int(target)
}
