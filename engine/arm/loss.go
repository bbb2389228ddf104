package arm

import (
	"cmp"
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/models"
)

// A LossKind names what a step minimises.
type LossKind string

const (
	// LossER is experience replay: one weighted mean over new and rehearsed examples, or
	// with Beta one over each.
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
	// LossACEDERPP is DER++ with the masks of ER-ACE where there are classes.
	LossACEDERPP LossKind = "ace_derpp"
	// LossLwF holds every example to the answers that the learner gave at the last
	// consolidation (Li and Hoiem, "Learning without forgetting", 2016).
	LossLwF LossKind = "lwf"
)

// A Loss configures what a step minimises. Docs/strategies.md has the equations.
type Loss struct {
	// Kind is the loss. Default er.
	Kind LossKind `yaml:"kind" json:"kind,omitempty"`
	// Alpha weighs what holds logits to earlier ones; for der, derpp, ace_derpp and
	// lwf. Above 0. Default 0.5, for lwf 1.
	Alpha float64 `yaml:"alpha" json:"alpha,omitempty"`
	// Beta weighs the labels of the second draw of derpp and ace_derpp, and those of all
	// that er rehearses. Above 0. Default 0.5; of er none: one mean over new and rehearsed.
	Beta float64 `yaml:"beta" json:"beta,omitempty"`
	// Temperature softens the answers that lwf compares; for lwf. Above 0. Default 2.
	Temperature float64 `yaml:"temperature" json:"temperature,omitempty"`
	// Smoothing is the share of each label, in [0, 1), that is spread evenly over the
	// classes, for labels that may be wrong; not for regression. Default 0.
	Smoothing float64 `yaml:"smoothing" json:"smoothing,omitempty"`
}

// WithDefaults returns l with every unset field at its documented default.
func (l Loss) WithDefaults() Loss {
	l.Kind = cmp.Or(l.Kind, LossER)
	if l.dark() {
		l.Alpha = cmp.Or(l.Alpha, 0.5)
	}
	if l.draws() == 2 {
		l.Beta = cmp.Or(l.Beta, 0.5)
	}
	if l.Kind == LossLwF {
		l.Alpha = cmp.Or(l.Alpha, 1)
		l.Temperature = cmp.Or(l.Temperature, 2)
	}
	return l
}

// dark says that rehearsed examples are held to the logits that were stored with them.
func (l Loss) dark() bool { return l.Kind == LossDER || l.draws() == 2 }

// draws is the number of separate draws from the memory in a step.
func (l Loss) draws() int {
	if l.Kind == LossDERPP || l.Kind == LossACEDERPP {
		return 2
	}
	return 1
}

// weighs says that a factor stands before the labels of what is rehearsed.
func (l Loss) weighs() bool { return l.draws() == 2 || l.Beta != 0 }

// asymmetric says that new examples compete among their own classes alone.
func (l Loss) asymmetric(s models.Spec) bool {
	return l.Kind == LossERACE || l.Kind == LossACEDERPP && s.Task == models.Multiclass
}

// Validate reports the first field that breaks a rule for a model of that spec.
func (l Loss) Validate(s models.Spec) error {
	l = l.WithDefaults()
	switch l.Kind {
	case LossER, LossERACE, LossDER, LossDERPP, LossACEDERPP, LossLwF:
	default:
		return fmt.Errorf("loss.kind: must be one of %s, %s, %s, %s, %s, %s, got %q",
			LossER, LossERACE, LossDER, LossDERPP, LossACEDERPP, LossLwF, l.Kind)
	}
	taught := l.dark() || l.Kind == LossLwF
	switch {
	case l.Kind == LossLwF && s.Task != models.Multiclass:
		return fmt.Errorf("loss.kind: must not be %s for task %s: it compares probabilities of classes", l.Kind, s.Task)
	case l.Kind != LossLwF && l.Temperature != 0:
		return fmt.Errorf("loss.temperature: must be absent for kind %s, got %v", l.Kind, l.Temperature)
	case l.Kind == LossLwF && !(l.Temperature > 0 && l.Temperature <= math.MaxFloat32):
		return fmt.Errorf("loss.temperature: must be above 0 and finite, got %v", l.Temperature)
	case l.Kind == LossERACE && s.Task != models.Multiclass:
		return fmt.Errorf("loss.kind: must not be %s for task %s: it tells classes apart", l.Kind, s.Task)
	case !taught && l.Alpha != 0:
		return fmt.Errorf("loss.alpha: must be absent for kind %s, got %v", l.Kind, l.Alpha)
	case l.draws() != 2 && l.Kind != LossER && l.Beta != 0:
		return fmt.Errorf("loss.beta: must be absent for kind %s, got %v", l.Kind, l.Beta)
	case taught && !(l.Alpha > 0 && l.Alpha <= math.MaxFloat32):
		return fmt.Errorf("loss.alpha: must be above 0 and finite, got %v", l.Alpha)
	case l.weighs() && !(l.Beta > 0 && l.Beta <= math.MaxFloat32):
		return fmt.Errorf("loss.beta: must be above 0 and finite, got %v", l.Beta)
	case !(l.Smoothing >= 0 && l.Smoothing < 1):
		return fmt.Errorf("loss.smoothing: must be in [0, 1), got %v", l.Smoothing)
	case l.Smoothing > 0 && s.Task == models.Regression:
		return fmt.Errorf("loss.smoothing: must be 0 for task regression, got %v", l.Smoothing)
	}
	return nil
}

// objective is what a model of that spec has to compute for the loss.
func (l Loss) objective(s models.Spec) models.Objective {
	o := models.Objective{Smoothing: l.Smoothing, Sum: l.Kind != LossER || l.weighs(), Masked: l.asymmetric(s)}
	switch {
	case l.dark():
		o.Distill = models.DistillSquared
	case l.Kind == LossLwF:
		o.Distill, o.Temperature = models.DistillKL, l.Temperature
	}
	return o
}
