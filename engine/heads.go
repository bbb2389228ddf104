package engine

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

// Masks returns the classes of each segment, as models.Batch takes them, by the segment.
func (h Heads) Masks(s models.Spec) map[string][]float32 {
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
	masks := h.Masks(s)
	return func(labels map[string]string) []float32 { return masks[labels[segment]] }
}

// heads are the masks of segments.
type heads struct {
	heads Heads
	masks map[string][]float32
	all   []float32
}

// newHeads returns nil for a model without heads.
func newHeads(c Config) *heads {
	if len(c.Heads) == 0 {
		return nil
	}
	h := &heads{heads: c.Heads, masks: c.Heads.Masks(c.Spec), all: make([]float32, c.Spec.Classes)}
	for i := range h.all {
		h.all[i] = 1
	}
	return h
}

// list returns the heads; none for a model without.
func (h *heads) list() Heads {
	if h == nil {
		return nil
	}
	return h.heads
}

// of returns the classes that compete for an example of a segment; nil for a model without
// heads.
func (h *heads) of(segment string) []float32 {
	if h == nil {
		return nil
	}
	if mask, ok := h.masks[segment]; ok {
		return mask
	}
	return h.all
}
