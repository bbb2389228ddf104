package scenario

import "fmt"

// Kind is the shape of a scenario.
type Kind string

const (
	// Split gives each task the same number of classes, in their order.
	Split Kind = "split"
	// Permuted reorders the pixels, in another way for each task.
	Permuted Kind = "permuted"
	// Rotated turns the images, by another angle for each task.
	Rotated Kind = "rotated"
	// Blurry is Split with a share of each task's rows dealt out among all tasks.
	Blurry Kind = "blurry"
	// Stream is one task, in the order of the file.
	Stream Kind = "stream"
)

// Incremental is what a learner is told, and asked, about the tasks.
type Incremental string

const (
	// TaskIncremental tells the task also at prediction: only its classes are compared.
	TaskIncremental Incremental = "task"
	// DomainIncremental gives every task the same classes: the place inside the task.
	DomainIncremental Incremental = "domain"
	// ClassIncremental asks for one class of all.
	ClassIncremental Incremental = "class"
)

// A Config says how tasks are made.
type Config struct {
	Kind        Kind        `yaml:"kind" json:"kind"`
	Tasks       int         `yaml:"tasks" json:"tasks,omitempty"`
	Incremental Incremental `yaml:"incremental" json:"incremental,omitempty"`
	// Order lists the classes in the order in which the tasks bring them; split and
	// blurry alone. Default the classes' own.
	Order []int `yaml:"order" json:"order,omitempty"`
	// Pad adds that many black pixels to each side of an image.
	Pad int `yaml:"pad" json:"pad,omitempty"`
	// Mean and Scale standardise pixels, once divided by 255: (x - Mean) / Scale.
	Mean  float64 `yaml:"mean" json:"mean,omitempty"`
	Scale float64 `yaml:"scale" json:"scale,omitempty"` // default 1
	// Standardise is the number of first rows of a table whose mean and deviation
	// standardise all of it; 0 for none.
	Standardise int `yaml:"standardise" json:"standardise,omitempty"`
	// Running standardises each row of a stream by the rows up to it, itself included,
	// as one may who has seen no others.
	Running bool `yaml:"running" json:"running,omitempty"`
	// Blur is the share of a task's rows that come in another one; blurry alone.
	Blur float64 `yaml:"blur" json:"blur,omitempty"`
	// Angle is the largest rotation, in degrees; rotated alone. Default 180.
	Angle float64 `yaml:"angle" json:"angle,omitempty"`
	// Rows bounds the rows that each task learns from; 0 for all.
	Rows int `yaml:"rows" json:"rows,omitempty"`
	// Validation is the share of the training rows that is scored in place of the
	// test rows, so that settings are chosen without those.
	Validation float64 `yaml:"validation" json:"validation,omitempty"`
	// Delay is the number of rows after which a stream's labels come; Anchor the
	// number of first rows on which retention is measured.
	Delay  int `yaml:"delay" json:"delay,omitempty"`
	Anchor int `yaml:"anchor" json:"anchor,omitempty"`
}

// WithDefaults returns c with every unset field at its documented default.
func (c Config) WithDefaults() Config {
	if c.Scale == 0 {
		c.Scale = 1
	}
	if c.Angle == 0 {
		c.Angle = 180
	}
	if c.Kind == Stream {
		c.Tasks = 1
	}
	if c.Incremental == "" {
		switch c.Kind {
		case Permuted, Rotated:
			c.Incremental = DomainIncremental
		default:
			c.Incremental = ClassIncremental
		}
	}
	return c
}

// Validate reports the first field that breaks a rule.
func (c Config) Validate() error {
	split := c.Kind == Split || c.Kind == Blurry
	switch {
	case !split && c.Kind != Permuted && c.Kind != Rotated && c.Kind != Stream:
		return fmt.Errorf("scenario.kind: must be split, permuted, rotated, blurry or stream, got %q", c.Kind)
	case c.Incremental != TaskIncremental && c.Incremental != DomainIncremental && c.Incremental != ClassIncremental:
		return fmt.Errorf("scenario.incremental: must be task, domain or class, got %q", c.Incremental)
	case !split && c.Kind != Stream && c.Incremental != DomainIncremental:
		return fmt.Errorf("scenario.incremental: must be domain for %s, got %q", c.Kind, c.Incremental)
	case c.Tasks < 1 || c.Tasks > 1000:
		return fmt.Errorf("scenario.tasks: must be in [1, 1000], got %d", c.Tasks)
	case c.Pad < 0 || c.Pad > 64:
		return fmt.Errorf("scenario.pad: must be in [0, 64], got %d", c.Pad)
	case !(c.Scale > 0):
		return fmt.Errorf("scenario.scale: must be above 0, got %v", c.Scale)
	case !(c.Blur >= 0 && c.Blur < 1) || c.Blur > 0 && c.Kind != Blurry:
		return fmt.Errorf("scenario.blur: must be in [0, 1), and 0 unless the kind is blurry, got %v", c.Blur)
	case !(c.Angle > 0 && c.Angle <= 360):
		return fmt.Errorf("scenario.angle: must be in (0, 360], got %v", c.Angle)
	case !(c.Validation >= 0 && c.Validation < 1):
		return fmt.Errorf("scenario.validation: must be in [0, 1), got %v", c.Validation)
	case len(c.Order) > 0 && !split:
		return fmt.Errorf("scenario.order: must be absent unless the kind is split or blurry")
	case c.Running && (c.Kind != Stream || c.Standardise > 0):
		return fmt.Errorf("scenario.running: must be false unless the kind is stream, and beside standardise")
	case c.Rows < 0 || c.Standardise < 0 || c.Delay < 0 || c.Anchor < 0:
		return fmt.Errorf("scenario.rows, standardise, delay, anchor: must not be negative")
	case (c.Delay > 0 || c.Anchor > 0) && c.Kind != Stream:
		return fmt.Errorf("scenario.delay, anchor: must be 0 unless the kind is stream")
	}
	return nil
}
