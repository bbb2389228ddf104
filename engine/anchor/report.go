package anchor

import (
	"math"

	"github.com/perennial-ml/perennial/engine/continual"
)

// A Report holds the figures of continual learning, as of the last look, on examples
// that the learner never learned. The formulas are in docs/metrics.md. What cannot be
// computed is nil.
type Report struct {
	Held  uint64 `json:"held"`  // examples set aside, ever
	Looks uint64 `json:"looks"` // ever
	Figures
	Phases []PhaseReport `json:"phases"` // the oldest first, the last may be in progress
}

// Figures are the figures over the phases.
type Figures struct {
	Accuracy          *float64 `json:"accuracy,omitempty"`
	LearningAccuracy  *float64 `json:"learning_accuracy,omitempty"`
	BackwardTransfer  *float64 `json:"backward_transfer,omitempty"`
	ForwardTransfer   *float64 `json:"forward_transfer,omitempty"`
	Forgetting        *float64 `json:"forgetting,omitempty"`
	Retention         *float64 `json:"retention,omitempty"`
	AnytimeAccuracy   *float64 `json:"anytime_accuracy,omitempty"`
	MinimumAccuracy   *float64 `json:"minimum_accuracy,omitempty"`
	WorstCaseAccuracy *float64 `json:"worst_case_accuracy,omitempty"`
}

// A PhaseReport is the account of one phase: accuracies on its examples.
type PhaseReport struct {
	Ended    uint64   `json:"ended,omitempty"` // position; 0 for the phase in progress
	Examples int      `json:"examples"`
	First    *float64 `json:"first,omitempty"`  // by the weights that nothing was learned into
	Before   *float64 `json:"before,omitempty"` // by those as the phase began
	AtEnd    *float64 `json:"at_end,omitempty"` // when it ended
	Best     *float64 `json:"best,omitempty"`   // since then, before the latest look
	Worst    *float64 `json:"worst,omitempty"`  // at the looks after it ended
	Current  float64  `json:"current"`          // at the latest look
}

// Report returns nil without anchors, and before the first look.
func (s *Set) Report() *Report {
	if s == nil {
		return nil
	}
	tasks := s.tasks()
	if len(tasks) == 0 {
		return nil
	}
	r := &Report{Held: s.held, Looks: s.looks, Figures: figures(tasks, s.anytime)}
	for _, p := range append(s.closed[:len(s.closed):len(s.closed)], s.open) {
		if t := p.task; p.examples.Len() > 0 && measured(t.Current) != nil {
			r.Phases = append(r.Phases, PhaseReport{
				Ended: p.ended, Examples: p.examples.Len(), First: measured(t.First), Before: measured(t.Before),
				AtEnd: measured(t.Learned), Best: measured(t.Best), Worst: measured(t.Worst), Current: t.Current,
			})
		}
	}
	return r
}

func figures(t continual.Tasks, anytime continual.Mean) Figures {
	return Figures{
		Accuracy:          measured(t.AverageAccuracy()),
		LearningAccuracy:  measured(t.LearningAccuracy()),
		BackwardTransfer:  measured(t.BackwardTransfer()),
		ForwardTransfer:   measured(t.ForwardTransfer()),
		Forgetting:        measured(t.Forgetting()),
		Retention:         measured(t.Retention()),
		AnytimeAccuracy:   measured(anytime.Value()),
		MinimumAccuracy:   measured(t.MinimumAccuracy()),
		WorstCaseAccuracy: measured(t.WorstCaseAccuracy()),
	}
}

// measured is nil for what was not.
func measured(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}
