package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/measure"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/scenario"
	"github.com/perennial-ml/perennial/models"
)

// A Trial is one method of a suite under one seed.
type Trial struct {
	Suite  protocol.Suite
	Method protocol.Method
	Seed   uint64
	Data   data.Split
	// Progress is told, from time to time, how many of all examples were learned.
	Progress func(done, total int64)
	// Clock measures; by default time.Now.
	Clock func() time.Time
}

// An Outcome is what a trial measured.
type Outcome struct {
	Matrix measure.Matrix `json:"matrix,omitempty"`
	First  []float64      `json:"first,omitempty"` // accuracy of the first weights on each task
	Curve  measure.Curve  `json:"curve,omitempty"`
	Tasks  []string       `json:"tasks,omitempty"`
	Stream []Block        `json:"stream,omitempty"`

	Examples    int64   `json:"examples"` // learned, repetitions counted
	Steps       uint64  `json:"steps"`    // of the optimizer
	Dropped     uint64  `json:"dropped"`  // steps and examples left out for a NaN or an infinity
	MemoryLen   int     `json:"memory_len"`
	MemoryBytes int     `json:"memory_bytes"`
	Train       float64 `json:"train_seconds"` // in Apply, and making the records
	Look        float64 `json:"look_seconds"`  // predicting the test rows
	// Prequential is the accuracy on each example before it was learned, over all.
	Prequential *float64 `json:"prequential,omitempty"`
}

// Run runs the trial. It stops between two batches when ctx ends.
func (t Trial) Run(ctx context.Context) (Outcome, error) {
	s, err := scenario.New(t.Suite.Scenario, t.Data, t.Seed)
	if err != nil {
		return Outcome{}, err
	}
	if t.Clock == nil {
		t.Clock = time.Now
	}
	if t.Progress == nil {
		t.Progress = func(int64, int64) {}
	}
	r := &run{Trial: t, scenario: s}
	if err := r.begin(); err != nil {
		return Outcome{}, err
	}
	if s.Config.Kind == scenario.Stream {
		err = r.stream(ctx)
	} else {
		err = r.tasks(ctx)
	}
	if err != nil {
		return Outcome{}, err
	}
	r.account()
	return r.outcome, nil
}

// run is a trial that is running.
type run struct {
	Trial
	scenario *scenario.Scenario
	subject  subject
	learner  *learner // the subject, unless it is a baseline
	batch    int      // examples of a step
	total    int64
	outcome  Outcome
}

func (r *run) begin() error {
	shape := protocol.ShapeOf(r.scenario)
	if r.Method.Baseline != "" {
		if shape.Classes == 0 {
			return fmt.Errorf("baseline %s: %s has no classes", r.Method.Baseline, r.Suite.Data)
		}
		r.batch = 32
		r.subject = newBaseline(r.Method.Baseline, shape.Classes, shape.Classes == 2 && r.scenario.Config.Kind == scenario.Stream)
		return nil
	}
	cfg, err := r.Suite.Engine(r.Method, shape, r.Seed)
	if err != nil {
		return err
	}
	if cfg.MaxClasses > 0 && cfg.MaxClasses < shape.Classes {
		return fmt.Errorf("learner.max_classes: must be at least the %d classes of %s, got %d", shape.Classes, r.Suite.Data, cfg.MaxClasses)
	}
	if r.learner, err = newLearner(cfg); err != nil {
		return err
	}
	r.subject, r.batch = r.learner, cfg.Batch.Size
	return nil
}

// account closes the outcome with what the engine says of itself.
func (r *run) account() {
	if r.learner == nil {
		return
	}
	arm := r.learner.engine.Report().Arms[0]
	r.outcome.Steps = arm.Counts.Steps
	r.outcome.Dropped = arm.Counts.NonFinite + arm.Counts.Unusable
	r.outcome.MemoryLen, r.outcome.MemoryBytes = arm.MemoryLen, arm.MemoryBytes
	if r.learner.spec.Task != models.Regression && r.outcome.Prequential == nil {
		r.outcome.Prequential = arm.Prequential.Fading.Accuracy
	}
}

// looking runs f and counts its time as looking, not learning.
func (r *run) looking(f func() error) error {
	begun := r.Clock()
	err := f()
	took := r.Clock().Sub(begun).Seconds()
	r.outcome.Look += took
	r.outcome.Train -= took
	return err
}
