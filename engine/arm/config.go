package arm

import (
	"cmp"
	"fmt"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// Config configures one learner: optimizer, memory, how much of it is rehearsed, and how.
type Config struct {
	Name string `yaml:"name" json:"name"` // default "learner"
	// Strategy fills in what the arm leaves open of replay, rehearsal and loss, and of
	// optimizer for binary: default, or nothing.
	Strategy  string         `yaml:"strategy" json:"strategy,omitempty"`
	Optimizer []optim.Config `yaml:"optimizer" json:"optimizer"`
	Replay    replay.Config  `yaml:"replay" json:"replay"`
	Rehearsal Rehearsal      `yaml:"rehearsal" json:"rehearsal,omitzero"`
	// Loss is what a step minimises.
	Loss Loss `yaml:"loss" json:"loss,omitzero"`
	// Projection bounds a step by rehearsed examples.
	Projection Projection `yaml:"projection" json:"projection,omitzero"`
	// Consolidation says when a phase of learning ends.
	Consolidation Consolidation `yaml:"consolidation" json:"consolidation,omitzero"`
}

// Rehearsal says how much of the past is mixed into each step.
type Rehearsal struct {
	// Ratio is the number of rehearsed examples per new one. Default 1;
	// negative for none.
	Ratio float64 `yaml:"ratio" json:"ratio,omitempty"`
}

// WithDefaults returns c with every unset field at its documented default for a task. The
// name is left as it is.
func (c Config) WithDefaults(task models.Task) Config {
	c = c.withStrategy(task)
	c.Replay = c.Replay.WithDefaults()
	c.Rehearsal.Ratio = cmp.Or(c.Rehearsal.Ratio, 1)
	c.Loss = c.Loss.WithDefaults()
	c.Consolidation = c.Consolidation.withDefaults(optim.Asks(c.Optimizer))
	return c
}

// Validate reports the first field that breaks a rule, for a model of that spec whose
// segments go by a label of that name. Measured says that the arm's phases are.
func (c Config) Validate(s models.Spec, segment string, measured bool) error {
	if c.Rehearsal.Ratio > 64 {
		return fmt.Errorf("rehearsal.ratio: must be at most 64, got %v", c.Rehearsal.Ratio)
	}
	if err := c.Replay.Validate(); err != nil {
		return err
	}
	if err := c.validateStrategy(); err != nil {
		return err
	}
	if err := c.Loss.Validate(s); err != nil {
		return err
	}
	if err := c.Consolidation.validate(c, s, measured); err != nil {
		return err
	}
	if err := c.Projection.validate(c, segment); err != nil {
		return err
	}
	return c.checkMemory(s)
}

// checkMemory reports a memory that makes no sense for the task or for how it is rehearsed.
func (c Config) checkMemory(s models.Spec) error {
	m := c.Replay.WithDefaults()
	switch {
	case m.Kind == replay.Herding && s.Task == models.Regression:
		return fmt.Errorf("replay.kind: must not be %s for task %s: it keeps what is typical of a class, and values are none; %s does without",
			m.Kind, s.Task, replay.Reservoir)
	case m.Kind == replay.GDumb && s.Task == models.Regression:
		return fmt.Errorf("replay.kind: must not be %s for task %s: it evens out classes, and values are none; %s evens out rounded ones",
			m.Kind, s.Task, replay.ClassBalanced)
	case m.Kind == replay.LossAware && c.Rehearsal.Ratio < 0:
		return fmt.Errorf("replay.kind: must not be %s with rehearsal.ratio %v: it goes by the losses of rehearsed examples",
			m.Kind, c.Rehearsal.Ratio)
	case m.Logits && c.Projection.Kind != "":
		return fmt.Errorf("replay.logits: must be false with projection.kind %s: such a step has no one batch whose logits they would be", c.Projection.Kind)
	case m.Retrieve.Kind != replay.Random && c.Projection.Kind == ProjectGEM:
		return fmt.Errorf("replay.retrieve.kind: must be %s with projection.kind %s: that looks at the whole memory", replay.Random, c.Projection.Kind)
	case m.Retrieve.Kind != replay.Random && c.Rehearsal.Ratio < 0:
		return fmt.Errorf("replay.retrieve.kind: must be %s with rehearsal.ratio %v: nothing is rehearsed", replay.Random, c.Rehearsal.Ratio)
	}
	return nil
}
