package guard

import (
	"fmt"
	"math"
)

// Config configures the Tolerance policy.
type Config struct {
	// Window is how many of the latest scored examples are compared. Default 500.
	Window int `yaml:"window" json:"window,omitempty"`
	// MinExamples is how many there must be, after a rollback, before a candidate
	// is promoted again. Default 100. At the start of a model's life there is
	// nothing to lose, and the first versions are promoted by what evidence there is.
	MinExamples int `yaml:"min_examples" json:"min_examples,omitempty"`
	// Relative is the share by which the candidate's mean loss may pass stable's.
	// Default 0.02.
	Relative float64 `yaml:"relative" json:"relative,omitempty"`
	// Absolute is a further allowance, in units of the loss. Default 0.
	Absolute float64 `yaml:"absolute" json:"absolute,omitempty"`
}

// WithDefaults returns c with every unset field at its documented default.
func (c Config) WithDefaults() Config {
	if c.Window == 0 {
		c.Window = 500
	}
	if c.MinExamples == 0 {
		c.MinExamples = min(100, c.Window)
	}
	if c.Relative == 0 {
		c.Relative = 0.02
	}
	return c
}

// Validate reports the first field that breaks a rule.
func (c Config) Validate() error {
	switch {
	case c.Window < 1:
		return fmt.Errorf("promote.window: must be at least 1, got %d", c.Window)
	case c.MinExamples < 0 || c.MinExamples > c.Window:
		return fmt.Errorf("promote.min_examples: must be between 0 and the window of %d, got %d", c.Window, c.MinExamples)
	case !(c.Relative >= 0) || math.IsInf(c.Relative, 0):
		return fmt.Errorf("promote.relative: must be finite and not negative, got %v", c.Relative)
	case !(c.Absolute >= 0) || math.IsInf(c.Absolute, 0):
		return fmt.Errorf("promote.absolute: must be finite and not negative, got %v", c.Absolute)
	}
	return nil
}

// Tolerance promotes a candidate whose mean prequential loss over the window is no
// worse than stable's on the same examples, within a tolerance:
//
//	candidate <= stable (1 + relative) + absolute
type Tolerance struct{ cfg Config }

// New returns the policy. cfg must be complete and valid.
func New(cfg Config) Tolerance { return Tolerance{cfg: cfg} }

// Judge promotes or holds.
func (t Tolerance) Judge(e Evidence) Verdict {
	switch {
	case e.Pinned:
		return Verdict{Hold, "stable is pinned"}
	case e.Probation && e.N < t.cfg.MinExamples:
		return Verdict{Hold, fmt.Sprintf("%d examples since the rollback of the %d that a comparison needs", e.N, t.cfg.MinExamples)}
	}
	if e.N == 0 {
		return Verdict{Promote, "nothing has been scored yet"}
	}
	limit := e.Stable*(1+t.cfg.Relative) + t.cfg.Absolute
	if !(e.Candidate <= limit) {
		return Verdict{Hold, fmt.Sprintf("loss %.4f over %d examples is above the %.4f that stable's %.4f allows",
			e.Candidate, e.N, limit, e.Stable)}
	}
	return Verdict{Promote, fmt.Sprintf("loss %.4f over %d examples, stable's is %.4f", e.Candidate, e.N, e.Stable)}
}
