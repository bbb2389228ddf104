package feedback

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/feedback/feature"
)

// The tasks of a model, as DecoderConfig names them.
const (
	TaskBinary     = "binary"     // outputs [p(1)]; labels 0 and 1
	TaskMulticlass = "multiclass" // outputs one probability a class; labels 0 to MaxClasses-1
	TaskRegression = "regression" // outputs [value]; labels are values
)

// DefaultMaxBytes is the bound on a payload unless the configuration sets another.
const DefaultMaxBytes = 64 << 10

// maxMaxBytes is the largest bound that a configuration may set: what a message of
// the log can hold.
const maxMaxBytes = 8 << 20

// maxClasses bounds the classes of a multiclass task.
const maxClasses = 1 << 16

// A Scale is the declared range of ratings, both ends included.
type Scale struct {
	Min float64 `yaml:"min" json:"min"`
	Max float64 `yaml:"max" json:"max"`
}

// DecoderConfig says what a model's events must be like.
type DecoderConfig struct {
	// Dictionary encodes the features.
	Dictionary *feature.Dictionary `yaml:"-" json:"-"`
	// DefaultConsent is for predictions and feedback without the attribute. It has
	// no default of its own: whoever runs the model says what silence means.
	DefaultConsent Consent `yaml:"default_consent" json:"default_consent"`
	// Task is binary, multiclass or regression.
	Task string `yaml:"task" json:"task"`
	// Classes is the number of classes of a multiclass task, at least 2.
	Classes int `yaml:"classes,omitempty" json:"classes,omitempty"`
	// MaxClasses is the number that the classes of a multiclass task may grow to;
	// default Classes, which is no growth. Labels up to it are taken, and predictions
	// that have any number of classes between the two.
	MaxClasses int `yaml:"max_classes,omitempty" json:"max_classes,omitempty"`
	// Rating is the scale of ratings; default 1 to 5.
	Rating Scale `yaml:"rating" json:"rating"`
	// MaxBytes bounds a payload; default 64 KiB, at most 8 MiB.
	MaxBytes int `yaml:"max_bytes" json:"max_bytes"`
}

// WithDefaults returns the configuration with every unset field that has a default
// filled in.
func (c DecoderConfig) WithDefaults() DecoderConfig {
	if c.Rating == (Scale{}) {
		c.Rating = Scale{Min: 1, Max: 5}
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.MaxClasses == 0 {
		c.MaxClasses = c.Classes
	}
	return c
}

// Validate returns an error that names the first field that breaks a rule, and the
// rule. It expects the defaults to be filled in.
func (c DecoderConfig) Validate() error {
	if c.Dictionary == nil {
		return fmt.Errorf("dictionary: must be set")
	}
	switch c.DefaultConsent {
	case ConsentNone, ConsentMeasure, ConsentLearn:
	default:
		return fmt.Errorf("default_consent: %s, got %q", ruleConsent, c.DefaultConsent)
	}
	switch c.Task {
	case TaskBinary, TaskRegression:
		if c.Classes != 0 {
			return fmt.Errorf("classes: must be absent unless the task is multiclass, got %d", c.Classes)
		}
		if c.MaxClasses != 0 {
			return fmt.Errorf("max_classes: must be absent unless the task is multiclass, got %d", c.MaxClasses)
		}
	case TaskMulticlass:
		if c.Classes < 2 || c.Classes > maxClasses {
			return fmt.Errorf("classes: must be 2 to %d for a multiclass task, got %d", maxClasses, c.Classes)
		}
		if c.MaxClasses < c.Classes || c.MaxClasses > maxClasses {
			return fmt.Errorf("max_classes: must be classes, %d, to %d, got %d", c.Classes, maxClasses, c.MaxClasses)
		}
	default:
		return fmt.Errorf("task: must be binary, multiclass or regression, got %q", c.Task)
	}
	width := c.Rating.Max - c.Rating.Min
	if !(width > 0) || math.IsInf(width, 0) {
		return fmt.Errorf("rating: must be finite and min below max, got %v to %v", c.Rating.Min, c.Rating.Max)
	}
	if c.MaxBytes < 1 || c.MaxBytes > maxMaxBytes {
		return fmt.Errorf("max_bytes: must be 1 to %d, got %d", maxMaxBytes, c.MaxBytes)
	}
	return nil
}
