package arm

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// The kinds of Projection.
const (
	// ProjectAGEM keeps a step from raising the mean loss of a draw from the memory
	// (Chaudhry et al., "Efficient lifelong learning with A-GEM", 2019).
	ProjectAGEM = "agem"
	// ProjectGEM keeps it from raising the mean loss of any earlier segment's examples in
	// the memory (Lopez-Paz and Ranzato, "Gradient episodic memory for continual
	// learning", 2017).
	ProjectGEM = "gem"
)

// A Projection makes rehearsed examples a bound on the step in place of a part of its loss.
type Projection struct {
	// Kind is agem or gem. Default none.
	Kind string `yaml:"kind" json:"kind,omitempty"`
	// Margin is the least weight of each earlier segment's gradient in a step that gem
	// corrects; at least 0. Default 0.
	Margin float64 `yaml:"margin" json:"margin,omitempty"`
}

func (p Projection) validate(a Config, segment string) error {
	switch {
	case p.Kind == "" && p.Margin != 0:
		return fmt.Errorf("projection.margin: must be absent without projection.kind, got %v", p.Margin)
	case p.Kind == "":
		return nil
	case p.Kind != ProjectAGEM && p.Kind != ProjectGEM:
		return fmt.Errorf("projection.kind: must be %s or %s, got %q", ProjectAGEM, ProjectGEM, p.Kind)
	case p.Kind == ProjectAGEM && p.Margin != 0:
		return fmt.Errorf("projection.margin: must be absent for kind agem, got %v", p.Margin)
	case !(p.Margin >= 0 && p.Margin <= 1e6):
		return fmt.Errorf("projection.margin: must be in [0, 1e6], got %v", p.Margin)
	case a.Loss.Kind != LossER:
		return fmt.Errorf("projection.kind: must be absent for loss.kind %s, got %s: rehearsed examples bound the step, and are no part of its loss", a.Loss.Kind, p.Kind)
	case a.Loss.Beta != 0:
		return fmt.Errorf("loss.beta: must be absent with projection.kind %s, got %v: rehearsed examples bound the step, and are no part of its loss", p.Kind, a.Loss.Beta)
	case a.Replay.Kind == replay.LossAware:
		return fmt.Errorf("projection.kind: must be absent for replay.kind %s, got %s: it goes by the losses of a step's rehearsed examples", a.Replay.Kind, p.Kind)
	case a.Rehearsal.Ratio < 0:
		return fmt.Errorf("projection.kind: must be absent with rehearsal.ratio %v, got %s: nothing is rehearsed", a.Rehearsal.Ratio, p.Kind)
	case p.Kind == ProjectGEM && segment == "":
		return fmt.Errorf("projection.kind: must not be gem without segment, whose labels it tells tasks by; agem does without")
	}
	return nil
}

// projector has room for the gradients that a projection compares.
type projector struct {
	plain models.Params
	past  []models.Params // by segment, of gem
	gem   *optim.GEM

	segments []string
	members  [][]*replay.Example // by segment
}

func newProjector(cfg Config, params models.Params) (*projector, error) {
	if cfg.Projection.Kind == "" {
		return nil, nil
	}
	for _, t := range params {
		if t.Sparse {
			return nil, fmt.Errorf("projection.kind: must be absent for a model with a table (%s): it compares whole gradients", t.Name)
		}
	}
	return &projector{plain: params.Zeros(), gem: optim.NewGEM(cfg.Projection.Margin)}, nil
}

// project computes the gradient of the new examples and leaves in the model's gradients what
// does not raise the loss of the others. Rows says how many examples there were.
func (a *Arm) project(portions [3]portion) (rows int, err error) {
	p := a.projector
	a.compose(portions[:1])
	if rows = a.batch.View().Rows; rows == 0 {
		return 0, nil
	}
	if _, err := a.model.Gradients(a.batch.View()); err != nil {
		return 0, err
	}
	if err := p.plain.CopyFrom(a.model.Grads()); err != nil {
		return 0, err
	}
	if a.cfg.Projection.Kind == ProjectAGEM {
		a.compose(portions[1:2])
		if a.batch.View().Rows > 0 {
			if _, err := a.model.Gradients(a.batch.View()); err != nil {
				return 0, err
			}
			optim.ProjectAverage(p.plain, a.model.Grads())
		}
		return rows, a.model.Grads().CopyFrom(p.plain)
	}
	a.recall(portions[0].examples)
	for i, list := range p.members {
		if i == len(p.past) {
			p.past = append(p.past, p.plain.Zeros())
		}
		if err := a.meanGradient(p.past[i], list); err != nil {
			return 0, err
		}
	}
	p.gem.Project(p.plain, p.past[:len(p.members)])
	return rows, a.model.Grads().CopyFrom(p.plain)
}

// recall sorts the memory by segment, in the order of their first examples, without the
// segments of the new examples: those are being learned.
func (a *Arm) recall(fresh []*replay.Example) {
	p := a.projector
	p.segments, p.members = p.segments[:0], p.members[:0]
	current := make(map[string]bool)
	for _, ex := range fresh {
		current[ex.Segment] = true
	}
	place := make(map[string]int)
	a.memory.Remove(func(ex *replay.Example) bool {
		if current[ex.Segment] {
			return false
		}
		at, ok := place[ex.Segment]
		if !ok {
			at = len(p.segments)
			place[ex.Segment] = at
			p.segments = append(p.segments, ex.Segment)
			p.members = append(p.members, nil)
		}
		p.members[at] = append(p.members[at], ex)
		return false
	})
}

// meanGradient writes the gradient of the weighted mean loss of a list of any length.
func (a *Arm) meanGradient(dst models.Params, list []*replay.Example) error {
	total := 0.0
	for _, t := range dst {
		clear(t.Data)
	}
	for len(list) > 0 {
		n := min(len(list), a.model.Capacity())
		a.compose([]portion{{examples: list[:n], label: 1}})
		list = list[n:]
		weight := 0.0
		for _, w := range a.batch.View().Weights {
			weight += float64(w)
		}
		if _, err := a.model.Gradients(a.batch.View()); err != nil {
			return err
		}
		total += weight
		for i, g := range a.model.Grads() {
			sum := dst[i].Data
			for j, v := range g.Data {
				sum[j] += float32(float32(weight) * v)
			}
		}
	}
	if total > 0 {
		for _, t := range dst {
			for j := range t.Data {
				t.Data[j] /= float32(total)
			}
		}
	}
	return nil
}
