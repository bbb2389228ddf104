package anchor

import (
	"cmp"
	"fmt"

	"github.com/perennial-ml/perennial/models"
)

// Config configures the examples that the figures of continual learning are measured on: set
// aside from what is learned, phase by phase, and never trained on.
type Config struct {
	// Size is the number of examples kept of each phase. Default 0: none, and nothing is
	// measured.
	Size int `yaml:"size" json:"size,omitempty"`
	// Share is the share of the examples that are set aside, drawn by position, in
	// (0, 0.5]. Default 0.01.
	Share float64 `yaml:"share" json:"share,omitempty"`
	// Every is the number of examples learned between two looks. Default 1,000.
	Every uint64 `yaml:"every" json:"every,omitempty"`
	// Phases is the number of phases that ended that are kept; the oldest goes first.
	// Default 16.
	Phases int `yaml:"phases" json:"phases,omitempty"`
	// Burst has looks follow closer upon what may disturb what was learned.
	Burst Burst `yaml:"burst" json:"burst,omitzero"`
}

// A Burst is the looks that follow the end of a phase, the growth of the head and the
// rollback of the learner, for what is lost for some steps alone: the stability gap.
type Burst struct {
	// Looks is their number. Default 20; negative for none.
	Looks int `yaml:"looks" json:"looks,omitempty"`
	// Every is the number of examples learned between two of them. Default 1: a look after
	// every micro-batch.
	Every uint64 `yaml:"every" json:"every,omitempty"`
}

// WithDefaults returns c with every unset field at its documented default.
func (c Config) WithDefaults() Config {
	if c.Size != 0 {
		c.Share = cmp.Or(c.Share, 0.01)
		c.Every = cmp.Or(c.Every, 1000)
		c.Phases = cmp.Or(c.Phases, 16)
		c.Burst.Looks = cmp.Or(c.Burst.Looks, 20)
		c.Burst.Every = cmp.Or(c.Burst.Every, 1)
	}
	return c
}

// Validate reports the first field that breaks a rule for a model of that spec.
func (c Config) Validate(s models.Spec) error {
	switch {
	case c.Size == 0 && c != Config{}:
		return fmt.Errorf("anchors.size: must be set beside other fields of anchors")
	case c.Size == 0:
		return nil
	case s.Task == models.Regression:
		return fmt.Errorf("anchors: must be absent for task regression: forgetting is a loss of accuracy")
	case c.Size < 1 || c.Size > 1<<16:
		return fmt.Errorf("anchors.size: must be in [1, %d], got %d", 1<<16, c.Size)
	case !(c.Share > 0 && c.Share <= 0.5):
		return fmt.Errorf("anchors.share: must be in (0, 0.5], got %v", c.Share)
	case c.Phases < 1 || c.Phases > 256:
		return fmt.Errorf("anchors.phases: must be in [1, 256], got %d", c.Phases)
	case c.Burst.Looks > maxLooks:
		return fmt.Errorf("anchors.burst.looks: must be at most %d, got %d", maxLooks, c.Burst.Looks)
	}
	return nil
}

// maxLooks bounds the looks of one burst.
const maxLooks = 1 << 16
