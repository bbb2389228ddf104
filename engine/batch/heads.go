package batch

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
)

// A Head says which classes compete for the examples of one segment: the classes of a task
// that is known when the model is asked.
type Head struct {
	// Segment is the value of the segment label.
	Segment string `yaml:"segment" json:"segment"`
	// Classes lists the classes of its head.
	Classes []int `yaml:"classes" json:"classes"`
}

// Heads lists the heads of a model. Examples of other segments, or without one, have all
// classes.
type Heads []Head

// Validate reports the first field that breaks a rule, for a model of that spec whose
// segments go by a label of that name.
func (h Heads) Validate(s models.Spec, segment string) error {
	if len(h) == 0 {
		return nil
	}
	if s.Task != models.Multiclass {
		return fmt.Errorf("heads: must be absent for task %s: they tell classes apart", s.Task)
	}
	if segment == "" {
		return fmt.Errorf("heads: must be absent without segment, the label that tells an example's head")
	}
	segments := map[string]bool{}
	for i, head := range h {
		field := fmt.Sprintf("heads[%d]", i)
		switch {
		case head.Segment == "":
			return fmt.Errorf("%s.segment: must not be empty", field)
		case segments[head.Segment]:
			return fmt.Errorf("%s.segment: %q has an earlier head", field, head.Segment)
		case len(head.Classes) == 0:
			return fmt.Errorf("%s.classes: must not be empty", field)
		}
		segments[head.Segment] = true
		taken := map[int]bool{}
		for j, c := range head.Classes {
			if c < 0 || c >= s.Classes || taken[c] {
				return fmt.Errorf("%s.classes[%d]: must be in [0, %d] and no earlier one, got %d", field, j, s.Classes-1, c)
			}
			taken[c] = true
		}
	}
	return nil
}

// masks returns the classes of each segment, as models.Batch takes them, by the segment.
func (h Heads) masks(s models.Spec) map[string][]float32 {
	masks := make(map[string][]float32, len(h))
	for _, head := range h {
		mask := make([]float32, s.Classes)
		for _, c := range head.Classes {
			mask[c] = 1
		}
		masks[head.Segment] = mask
	}
	return masks
}

// Classes returns a function from segment labels to the classes that compete, as
// models.Batch.Mask has them, and nil for all; nil without heads.
func (h Heads) Classes(s models.Spec, segment string) func(labels map[string]string) []float32 {
	if len(h) == 0 {
		return nil
	}
	masks := h.masks(s)
	return func(labels map[string]string) []float32 { return masks[labels[segment]] }
}

// Masks are the classes that compete for the examples of each segment. A nil Masks is of a
// model without heads.
type Masks struct {
	heads Heads
	by    map[string][]float32 // segment
	all   []float32
}

// NewMasks returns nil without heads.
func NewMasks(h Heads, s models.Spec) *Masks {
	if len(h) == 0 {
		return nil
	}
	m := &Masks{heads: h, by: h.masks(s), all: make([]float32, s.Classes)}
	for i := range m.all {
		m.all[i] = 1
	}
	return m
}

// Heads returns the heads; none for a model without.
func (m *Masks) Heads() Heads {
	if m == nil {
		return nil
	}
	return m.heads
}

// Of returns the classes that compete for an example of a segment; nil for a model without
// heads.
func (m *Masks) Of(segment string) []float32 {
	if m == nil {
		return nil
	}
	if mask, ok := m.by[segment]; ok {
		return mask
	}
	return m.all
}
