package engine

import (
	"cmp"
	"fmt"
	"time"

	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// Config is everything that a state depends on beside the log: equal configurations
// over equal logs give equal states, bit for bit. All durations are log time.
type Config struct {
	// Seed is the root of every random stream.
	Seed uint64 `yaml:"-" json:"seed"`
	// Spec is the model that every arm trains.
	Spec models.Spec `yaml:"-" json:"spec"`
	// Compute says by which kernels, on how many threads. No state depends on it: it may
	// change whenever an engine is restored.
	Compute models.Compute `yaml:"-" json:"-"`

	Signals signal.Config `yaml:"signals" json:"signals,omitzero"`
	// Segment names the segment label that metrics and memories go by. Default
	// none: one segment.
	Segment string `yaml:"segment" json:"segment,omitempty"`
	// Heads gives segments classes of their own, for multiclass. Default none: all
	// classes compete.
	Heads batch.Heads `yaml:"heads" json:"heads,omitempty"`
	// MaxClasses is the number of classes that the model's head may grow to, of
	// multiclass alone: an example of a class beyond those known widens it. Default 0:
	// the classes of Spec and no others.
	MaxClasses int `yaml:"-" json:"max_classes,omitempty"`

	Batch   Batch        `yaml:"batch" json:"batch,omitzero"`
	Metrics Metrics      `yaml:"metrics" json:"metrics,omitzero"`
	Seen    Seen         `yaml:"seen" json:"seen,omitzero"`
	Publish Publishing   `yaml:"publish" json:"publish,omitzero"`
	Promote guard.Config `yaml:"promote" json:"promote,omitzero"`
	// Checkpoint decides when a durable version is due.
	Checkpoint Cadence `yaml:"checkpoint" json:"checkpoint,omitzero"`
	// Arms lists the learners behind the front. The first one's versions are
	// published; the others are challengers.
	Arms []arm.Config `yaml:"-" json:"arms"`
}

// Batch says when waiting examples become one optimizer step.
type Batch struct {
	Size int           `yaml:"size" json:"size,omitempty"` // examples; default 32
	Wait time.Duration `yaml:"wait" json:"wait,omitempty"` // the longest wait of the oldest; default 20ms
}

// Metrics configures the prequential meters.
type Metrics struct {
	Window      int     `yaml:"window" json:"window,omitempty"`             // examples; default 1,000
	Fading      float64 `yaml:"fading" json:"fading,omitempty"`             // factor per example in (0, 1]; default 0.999
	MaxSegments int     `yaml:"max_segments" json:"max_segments,omitempty"` // metered apart; default 32
	// Share of the micro-batches that are scored, in (0, 1]; which ones is drawn by
	// position. The rest is learned without the cost of predicting it, twice, before.
	// Default 1.
	Share float64 `yaml:"share" json:"share,omitempty"`
	// Anchors are examples that forgetting and transfer are measured on.
	Anchors anchor.Config `yaml:"anchors" json:"anchors,omitzero"`
}

// Seen bounds the memory of event ids, by which a repeated event is known.
type Seen struct {
	// MaxIDs is the number of latest ids remembered, beyond the broker's own
	// window. Default 1,048,576 (some 50 MB).
	MaxIDs int `yaml:"max_ids" json:"max_ids,omitempty"`
}

// Publishing says how often changed weights go to the servers.
type Publishing struct {
	Every time.Duration `yaml:"every" json:"every,omitempty"` // default 50ms
}

// Cadence says when a durable version is due: whichever comes first.
type Cadence struct {
	Every   time.Duration `yaml:"every" json:"every,omitempty"`     // default 5s
	Records uint64        `yaml:"records" json:"records,omitempty"` // default 100,000
}

// WithDefaults returns c with every unset field at its documented default.
func (c Config) WithDefaults() Config {
	c.Signals = c.Signals.WithDefaults()
	c.Promote = c.Promote.WithDefaults()
	c.Batch.Size = cmp.Or(c.Batch.Size, 32)
	c.Batch.Wait = cmp.Or(c.Batch.Wait, 20*time.Millisecond)
	c.Metrics.Window = cmp.Or(c.Metrics.Window, 1000)
	c.Metrics.Fading = cmp.Or(c.Metrics.Fading, 0.999)
	c.Metrics.MaxSegments = cmp.Or(c.Metrics.MaxSegments, 32)
	c.Metrics.Share = cmp.Or(c.Metrics.Share, 1)
	c.Metrics.Anchors = c.Metrics.Anchors.WithDefaults()
	c.Seen.MaxIDs = cmp.Or(c.Seen.MaxIDs, 1<<20)
	c.Publish.Every = cmp.Or(c.Publish.Every, 50*time.Millisecond)
	c.Checkpoint.Every = cmp.Or(c.Checkpoint.Every, 5*time.Second)
	c.Checkpoint.Records = cmp.Or(c.Checkpoint.Records, 100_000)
	arms := make([]arm.Config, len(c.Arms))
	for i, a := range c.Arms {
		if i == 0 {
			a.Name = cmp.Or(a.Name, "learner")
		}
		arms[i] = a.WithDefaults(c.Spec.Task)
	}
	c.Arms = arms
	return c
}

// Validate reports the first field that breaks a rule.
func (c Config) Validate() error {
	tensors, err := models.Names(c.Spec)
	if err != nil {
		return err
	}
	if err := c.Signals.Validate(); err != nil {
		return err
	}
	if err := c.Promote.Validate(); err != nil {
		return err
	}
	if err := c.meter().Validate(); err != nil {
		return fmt.Errorf("metrics.%w", err)
	}
	if err := c.Heads.Validate(c.Spec, c.Segment); err != nil {
		return err
	}
	if err := c.Metrics.Anchors.Validate(c.Spec); err != nil {
		return fmt.Errorf("metrics.%w", err)
	}
	if err := c.validateGrowth(); err != nil {
		return err
	}
	switch {
	case c.Batch.Size < 1 || c.Batch.Size > 4096:
		return fmt.Errorf("batch.size: must be in [1, 4096], got %d", c.Batch.Size)
	case c.Batch.Wait < 0:
		return fmt.Errorf("batch.wait: must not be negative, got %v", c.Batch.Wait)
	case !(c.Metrics.Share > 0 && c.Metrics.Share <= 1):
		return fmt.Errorf("metrics.share: must be in (0, 1], got %v", c.Metrics.Share)
	case c.Seen.MaxIDs < 1:
		return fmt.Errorf("seen.max_ids: must be at least 1, got %d", c.Seen.MaxIDs)
	case c.Publish.Every < 0:
		return fmt.Errorf("publish.every: must not be negative, got %v", c.Publish.Every)
	case c.Checkpoint.Every <= 0:
		return fmt.Errorf("checkpoint.every: must be above 0, got %v", c.Checkpoint.Every)
	case len(c.Arms) == 0:
		return fmt.Errorf("arms: must not be empty")
	}
	names := map[string]bool{}
	for i, a := range c.Arms {
		switch {
		case a.Name == "":
			return fmt.Errorf("arms[%d].name: must not be empty", i)
		case names[a.Name]:
			return fmt.Errorf("arms[%d].name: %q is taken by an earlier arm", i, a.Name)
		}
		names[a.Name] = true
		if len(models.Tables(c.Spec)) > 0 {
			if err := optim.CheckTables(a.Optimizer); err != nil {
				return fmt.Errorf("arms[%d]: %w", i, err)
			}
		}
		if err := a.Validate(c.Spec, c.Segment, i == 0 && c.Metrics.Anchors.Size > 0); err != nil {
			return fmt.Errorf("arms[%d].%w", i, err)
		}
		if err := optim.CheckGroups(a.Optimizer, tensors); err != nil {
			return fmt.Errorf("arms[%d]: %w", i, err)
		}
	}
	return nil
}

// front is what the arms share.
func (c Config) front() arm.Front {
	return arm.Front{Seed: c.Seed, Spec: c.Spec, Compute: c.Compute, Rows: c.Batch.Size, Heads: c.Heads, Meter: c.meter()}
}

func (c Config) meter() prequential.Config {
	return prequential.Config{
		Task:        c.Spec.Task,
		Window:      c.Metrics.Window,
		Fading:      c.Metrics.Fading,
		MaxSegments: c.Metrics.MaxSegments,
	}
}
