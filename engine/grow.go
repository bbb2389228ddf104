package engine

import (
	"fmt"

	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/models"
)

// A Growth says that the head of the model was widened for an example of a new class.
type Growth struct {
	Position uint64 `cbor:"position" json:"position"` // of the record that completed the example's micro-batch
	Classes  int    `cbor:"classes" json:"classes"`   // from then on
}

// validateGrowth holds MaxClasses to its rules.
func (c Config) validateGrowth() error {
	switch {
	case c.MaxClasses == 0:
		return nil
	case c.Spec.Task != models.Multiclass:
		return fmt.Errorf("max_classes: must be absent for task %s, got %d: it has no classes to grow by", c.Spec.Task, c.MaxClasses)
	case c.MaxClasses < c.Spec.Classes:
		return fmt.Errorf("max_classes: must be at least classes, %d, got %d", c.Spec.Classes, c.MaxClasses)
	case c.MaxClasses > c.Spec.Classes && len(c.Heads) > 0:
		return fmt.Errorf("max_classes: must be absent beside heads, got %d: they name every class beforehand", c.MaxClasses)
	case c.MaxClasses > c.Spec.Classes && c.Spec.ClassNorm != 0:
		return fmt.Errorf("max_classes: must be absent beside class_norm, got %d: the weights of a new class, zeros, have no direction", c.MaxClasses)
	}
	widest := c.Spec
	widest.Classes = c.MaxClasses
	if err := models.Grows(c.Spec, widest); err != nil {
		return fmt.Errorf("max_classes: %w", err)
	}
	return nil
}

// growFor widens the head for the classes of a micro-batch that will be learned. Those of
// a complementary label, which says what is wrong, do not count.
func (e *Engine) growFor(batch []pending) error {
	if e.cfg.MaxClasses <= e.spec.Classes {
		return nil
	}
	classes := e.spec.Classes
	for _, p := range batch {
		if p.Learn && !p.Example.Negative {
			classes = max(classes, int(p.Example.Target)+1)
		}
	}
	if classes == e.spec.Classes {
		return nil
	}
	if err := e.grow(classes); err != nil {
		return err
	}
	e.grown = append(e.grown, Growth{Position: e.position, Classes: classes})
	e.anchors.Disturbed()
	return nil
}

// grow gives every arm, and the scores, a head for so many classes. The logits of the
// classes before keep their bits; those of the new ones begin at 0.
func (e *Engine) grow(classes int) error {
	wide := e.cfg
	wide.Spec.Classes = classes
	arms := make([]*arm.Arm, len(e.arms))
	for i, a := range e.arms {
		var err error
		if arms[i], err = a.Widened(wide.front()); err != nil {
			return fmt.Errorf("arm %s: grow to %d classes: %w", a.Name(), classes, err)
		}
	}
	scores, err := e.scores.widened(wide)
	if err != nil {
		return fmt.Errorf("grow to %d classes: %w", classes, err)
	}
	e.arms, e.scores, e.spec = arms, scores, wide.Spec
	return nil
}

// specOf returns the spec of weights that the engine's own grew from.
func (e *Engine) specOf(weights *models.Frozen) (models.Spec, error) {
	spec := e.cfg.Spec
	classes, err := models.Grown(spec, weights.Shapes())
	if err != nil {
		return spec, err
	}
	if classes > e.spec.Classes {
		return spec, fmt.Errorf("%w: they know %d classes, the learner %d", models.ErrParams, classes, e.spec.Classes)
	}
	spec.Classes = classes
	return spec, nil
}

// restoreGrowth grows a fresh engine as it was grown when the state was written.
func (e *Engine) restoreGrowth(grown []Growth) error {
	classes := e.spec.Classes
	for i, g := range grown {
		if g.Classes <= classes || g.Classes > e.cfg.MaxClasses || i > 0 && g.Position < grown[i-1].Position {
			return fmt.Errorf("growth %d to %d classes does not follow %d, or passes the %d configured", i, g.Classes, classes, e.cfg.MaxClasses)
		}
		classes = g.Classes
	}
	e.grown = grown
	if classes == e.spec.Classes {
		return nil
	}
	return e.grow(classes)
}
