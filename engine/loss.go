package engine

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/models"
)

// A LossKind names what a step minimises.
type LossKind string

const (
	// LossER is experience replay: one weighted mean over new and rehearsed examples.
	LossER LossKind = "er"
	// LossERACE is asymmetric cross-entropy (Caccia et al., "New insights on reducing
	// abrupt representation change in online continual learning", 2022): new examples
	// compete among their own classes alone, rehearsed ones among all classes seen.
	LossERACE LossKind = "er_ace"
	// LossDER is dark experience replay (Buzzega et al., "Dark experience for general
	// continual learning: a strong, simple baseline", 2020): rehearsed examples are held
	// to the logits they had when they were stored.
	LossDER LossKind = "der"
	// LossDERPP is DER with a second draw, which is held to its labels.
	LossDERPP LossKind = "derpp"
)

// A Loss configures what a step minimises. Docs/strategies.md has the equations.
type Loss struct {
	// Kind is the loss. Default er.
	Kind LossKind `yaml:"kind" json:"kind,omitempty"`
	// Alpha weighs what holds logits to earlier ones; for der and derpp. Above 0.
	// Default 0.5.
	Alpha float64 `yaml:"alpha" json:"alpha,omitempty"`
	// Beta weighs the labels of the second draw; for derpp. Above 0. Default 0.5.
	Beta float64 `yaml:"beta" json:"beta,omitempty"`
	// Smoothing is the share of each label, in [0, 1), that is spread evenly over the
	// classes, for labels that may be wrong; not for regression. Default 0.
	Smoothing float64 `yaml:"smoothing" json:"smoothing,omitempty"`
}

// WithDefaults returns l with every unset field at its documented default.
func (l Loss) WithDefaults() Loss {
	setDefault(&l.Kind, LossER)
	if l.dark() {
		setDefault(&l.Alpha, 0.5)
	}
	if l.Kind == LossDERPP {
		setDefault(&l.Beta, 0.5)
	}
	return l
}

// dark says that rehearsed examples are held to the logits that were stored with them.
func (l Loss) dark() bool { return l.Kind == LossDER || l.Kind == LossDERPP }

// draws is the number of separate draws from the memory in a step.
func (l Loss) draws() int {
	if l.Kind == LossDERPP {
		return 2
	}
	return 1
}

// Validate reports the first field that breaks a rule for a model of that spec.
func (l Loss) Validate(s models.Spec) error {
	l = l.WithDefaults()
	switch l.Kind {
	case LossER, LossERACE, LossDER, LossDERPP:
	default:
		return fmt.Errorf("loss.kind: must be one of %s, %s, %s, %s, got %q", LossER, LossERACE, LossDER, LossDERPP, l.Kind)
	}
	switch {
	case l.Kind == LossERACE && s.Task != models.Multiclass:
		return fmt.Errorf("loss.kind: must not be %s for task %s: it tells classes apart", l.Kind, s.Task)
	case !l.dark() && l.Alpha != 0:
		return fmt.Errorf("loss.alpha: must be absent for kind %s, got %v", l.Kind, l.Alpha)
	case l.Kind != LossDERPP && l.Beta != 0:
		return fmt.Errorf("loss.beta: must be absent for kind %s, got %v", l.Kind, l.Beta)
	case l.dark() && !(l.Alpha > 0 && l.Alpha <= math.MaxFloat32):
		return fmt.Errorf("loss.alpha: must be above 0 and finite, got %v", l.Alpha)
	case l.Kind == LossDERPP && !(l.Beta > 0 && l.Beta <= math.MaxFloat32):
		return fmt.Errorf("loss.beta: must be above 0 and finite, got %v", l.Beta)
	case !(l.Smoothing >= 0 && l.Smoothing < 1):
		return fmt.Errorf("loss.smoothing: must be in [0, 1), got %v", l.Smoothing)
	case l.Smoothing > 0 && s.Task == models.Regression:
		return fmt.Errorf("loss.smoothing: must be 0 for task regression, got %v", l.Smoothing)
	}
	return nil
}

// objective is what the model has to compute for the loss.
func (l Loss) objective() models.Objective {
	o := models.Objective{Smoothing: l.Smoothing, Sum: l.Kind != LossER}
	switch {
	case l.Kind == LossERACE:
		o.Masked = true
	case l.dark():
		o.Distill = models.DistillSquared
	}
	return o
}
