package arm

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// Where the examples come from that a consolidation looks at.
const (
	// SourcePhase is a uniform sample of the examples since the last consolidation.
	SourcePhase = "phase"
	// SourceMemory is a draw from the rehearsal memory.
	SourceMemory = "memory"
)

// Consolidation says when a phase of learning ends, and what then happens. It ends at a
// boundary that the log announces, too.
type Consolidation struct {
	// Every is the number of examples after which a phase ends by itself. Default 0:
	// never.
	Every uint64 `yaml:"every" json:"every,omitempty"`
	// Drift ends a phase where the learner's answers get worse, measured on each label
	// before it is learned; not for regression.
	Drift guard.DriftConfig `yaml:"drift" json:"drift,omitzero"`
	// Samples is the number of examples that tell how important parameters are; for
	// optimizers that ask for them (mas, and ewc but for fisher streaming). Default
	// 1,000.
	Samples int `yaml:"samples" json:"samples,omitempty"`
	// Source is where they come from: phase or memory. Default phase.
	Source string `yaml:"source" json:"source,omitempty"`
	// ResetOptimizer starts the optimizer's moments and its schedule afresh.
	ResetOptimizer bool `yaml:"reset_optimizer" json:"reset_optimizer,omitempty"`
}

// withDefaults returns c with every unset field at its documented default, for what asks.
func (c Consolidation) withDefaults(asks bool) Consolidation {
	c.Drift = c.Drift.WithDefaults()
	if asks {
		c.Samples = cmp.Or(c.Samples, 1000)
		c.Source = cmp.Or(c.Source, SourcePhase)
	}
	return c
}

// validate reports the first field that breaks a rule, for an arm whose phases are measured
// or not.
func (c Consolidation) validate(a Config, s models.Spec, measured bool) error {
	asks := optim.Asks(a.Optimizer)
	idle := !measured && !c.ResetOptimizer && !a.consolidates()
	if err := c.Drift.Validate(); err != nil {
		return fmt.Errorf("consolidation.%w", err)
	}
	switch {
	case c.Drift.FalseAlarms != 0 && s.Task == models.Regression:
		return fmt.Errorf("consolidation.drift: must be absent for task regression: its errors have no bound")
	case c.Drift.FalseAlarms != 0 && idle:
		return fmt.Errorf("consolidation.drift: must be absent: nothing changes at a consolidation")
	case !asks && c.Samples != 0:
		return fmt.Errorf("consolidation.samples: must be absent, got %d: no optimizer asks for examples", c.Samples)
	case !asks && c.Source != "":
		return fmt.Errorf("consolidation.source: must be absent, got %q: no optimizer asks for examples", c.Source)
	case asks && (c.Samples < 1 || c.Samples > 1<<20):
		return fmt.Errorf("consolidation.samples: must be in [1, %d], got %d", 1<<20, c.Samples)
	case asks && c.Source != SourcePhase && c.Source != SourceMemory:
		return fmt.Errorf("consolidation.source: must be %s or %s, got %q", SourcePhase, SourceMemory, c.Source)
	case c.Every > 0 && idle:
		return fmt.Errorf("consolidation.every: must be absent, got %d: nothing changes at a consolidation", c.Every)
	}
	return nil
}

// consolidates says that an arm's settings give a consolidation something to do, but for
// the reset of the optimizer.
func (c Config) consolidates() bool { return optim.Guards(c.Optimizer) || c.Loss.Kind == LossLwF }

// newPhase returns the memory of the phase in progress; nil if nothing asks for it.
func newPhase(cfg Config) (replay.Memory, error) {
	if !optim.Asks(cfg.Optimizer) || cfg.Consolidation.Source != SourcePhase {
		return nil, nil
	}
	return replay.New(replay.Config{Kind: replay.Reservoir, Capacity: cfg.Consolidation.Samples})
}

// Due says that the phase in progress has lasted as long as it may.
func (a *Arm) Due() bool {
	return a.cfg.Consolidation.Every > 0 && a.since >= a.cfg.Consolidation.Every
}

// Consolidate ends a phase of learning. Without an example since the last one, nothing
// happens. Where what was learned gives no finite importances, the penalties stay as they
// were.
func (a *Arm) Consolidate(position uint64) error {
	if a.since == 0 {
		return nil
	}
	ev := &evidence{arm: a, position: position}
	err := a.step.Consolidate(a.model.Params(), ev)
	switch {
	case errors.Is(err, models.ErrNonFinite):
		a.counts.NonFinite++
	case err != nil:
		return fmt.Errorf("arm %s: consolidate: %w", a.cfg.Name, err)
	}
	if a.cfg.Consolidation.ResetOptimizer {
		a.step.Reset(a.model.Params())
	}
	if a.teacher != nil {
		if err := a.teacher.replace(a.Freeze(), a.classes.seen, a.heads.Heads(), position); err != nil {
			return fmt.Errorf("arm %s: teacher: %w", a.cfg.Name, err)
		}
	}
	if a.phase != nil {
		if a.phase, err = newPhase(a.cfg); err != nil {
			return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
		}
	}
	if a.drift != nil {
		a.drift = newDrift(a.cfg)
	}
	a.since = 0
	a.counts.Consolidations++
	return nil
}
