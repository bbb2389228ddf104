package arm

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// A portion is some of a step's examples, in one role. Where the objective is a sum, each of
// its two terms is the factor times the weighted mean over the portion.
type portion struct {
	examples []*replay.Example
	label    float64 // factor of the labels' loss; 0 for none
	taught   float64 // factor of the distance from stored logits, or a teacher's; 0 for none
	own      bool    // among the classes of the new examples alone
}

// portions says in which role the examples of a step are learned: new ones, and those of each
// draw.
func (a *Arm) portions(fresh []*replay.Example, draws [2][]*replay.Example) [3]portion {
	l := a.cfg.Loss
	p := [3]portion{{examples: fresh, label: 1}, {examples: draws[0], label: 1}}
	p[0].own = a.classes.fresh != nil
	switch {
	case l.draws() == 2:
		p[2] = portion{examples: draws[1], label: l.Beta}
		fallthrough
	case l.dark():
		p[1].label, p[1].taught = 0, l.Alpha
	case l.weighs():
		p[1].label = l.Beta
	}
	return p
}

// update makes a step on the portions, if there are any examples.
func (a *Arm) update(portions [3]portion) error {
	if a.projector != nil {
		rows, err := a.project(portions)
		if err != nil || rows == 0 {
			return err
		}
		return a.descend()
	}
	a.compose(portions[:])
	if a.batch.View().Rows == 0 {
		return nil
	}
	if _, err := a.step.Learn(a.model, a.batch.View()); err != nil {
		return err
	}
	a.dirty.MarkStep(a.model.Grads())
	return nil
}

// descend takes the optimizer's step for the model's gradients.
func (a *Arm) descend() error {
	if err := a.step.Step(a.model.Grads(), a.model.Params()); err != nil {
		return err
	}
	a.dirty.MarkStep(a.model.Grads())
	return nil
}

// compose lays portions out as a batch.
func (a *Arm) compose(portions []portion) {
	a.batch.Reset()
	b := a.batch.View()
	b.Noise = a.noise
	for _, p := range portions {
		first := b.Rows
		for i, ex := range p.examples {
			replay.Prefetch(p.examples, i)
			a.batch.Add(ex)
			if a.objective.Masked {
				a.mask(ex, p.own)
			}
			switch {
			case a.teacher != nil:
				b.DistillWeights = append(b.DistillWeights, ex.Weight)
			case a.objective.Distill != models.DistillNone:
				a.batch.Teach(ex)
			}
		}
		if a.objective.Sum && a.teacher == nil {
			a.batch.Scale(first, p.label, p.taught)
		}
	}
	if a.teacher != nil { // one mean over all
		a.batch.Scale(0, 1, a.cfg.Loss.Alpha)
		a.consult()
	}
}

// mask says which classes the last example that was added competes among. Its own class is
// always one of them.
func (a *Arm) mask(ex *replay.Example, own bool) {
	b := a.batch.View()
	k := a.batch.Spec().Classes
	var among []bool
	switch {
	case own:
		among = a.classes.fresh
	case a.classes.fresh != nil:
		among = a.classes.seen
	}
	head := a.heads.Of(ex.Segment)
	for c := range k {
		in := float32(0)
		if (among == nil || among[c]) && (head == nil || head[c] != 0) || c == int(ex.Target) {
			in = 1
		}
		b.Mask = append(b.Mask, in)
	}
	if ex.Negative {
		row := len(b.Mask) - k
		excludeClass(b.Targets[row:], b.Mask[row:], int(ex.Target))
	}
}

// excludeClass makes the target of a complementary label uniform over the other classes of
// a mask; if there are none, over all of the mask, where nothing can be learned from it.
func excludeClass(target, mask []float32, class int) {
	n := 0
	for c, v := range mask {
		if v != 0 && c != class {
			n++
		}
	}
	for c, v := range mask {
		target[c] = 0
		switch {
		case n == 0 && c == class:
			target[c] = 1
		case n > 0 && v != 0 && c != class:
			target[c] = 1 / float32(n)
		}
	}
}

// classes are those that an arm knows of, as flags; nil unless its loss goes by them.
type classes struct {
	seen  []bool // state: in a step so far
	fresh []bool // among the new examples of the step in progress; nil if all compete
}

// note takes in the classes of a step's new examples. A complementary label shows none.
func (c *classes) note(fresh []*replay.Example) {
	clear(c.fresh)
	for _, ex := range fresh {
		if ex.Negative {
			continue
		}
		if c.seen != nil {
			c.seen[int(ex.Target)] = true
		}
		if c.fresh != nil {
			c.fresh[int(ex.Target)] = true
		}
	}
}

// listFlags returns the classes that are set, in their order.
func listFlags(flags []bool) (list []int) {
	for class, ok := range flags {
		if ok {
			list = append(list, class)
		}
	}
	return list
}

// setFlags is the inverse of listFlags.
func setFlags(flags []bool, list []int) error {
	for i, class := range list {
		if class < 0 || class >= len(flags) || i > 0 && class <= list[i-1] {
			return fmt.Errorf("class %d of those seen is out of order, or not one of %d", class, len(flags))
		}
		flags[class] = true
	}
	return nil
}

// remember offers the new examples of a step to the memory. Where the loss holds rehearsed
// examples to earlier logits, or the memory is to keep them, those are the logits of the step
// that learned them, before its update; a step that was dropped gave none.
func (a *Arm) remember(fresh []*replay.Example, learned bool, position uint64, keep *rand.Rand) {
	offered := replay.Offering{List: fresh}
	if learned && (a.cfg.Loss.dark() || a.cfg.Replay.Logits) {
		offered = replay.Offering{List: a.annotated(fresh, position), Lent: true}
	}
	if a.phase != nil {
		offered.To(a.phase, keep)
	}
	if learned && a.projector == nil && !a.cfg.Replay.Kind.Judged() { // else others are in the batch
		offered.Rows = a.batch.View().Dense
	}
	offered.To(a.memory, keep)
	a.since += uint64(len(fresh))
}

// annotated returns copies of the examples of the last step with its logits; valid until the next
// call.
func (a *Arm) annotated(fresh []*replay.Example, position uint64) []*replay.Example {
	n := &a.notes
	n.logits = append(n.logits[:0], a.model.Trained()...)
	k := a.batch.Spec().Outputs()
	n.examples, n.list = slices.Grow(n.examples[:0], len(fresh)), n.list[:0]
	for i, ex := range fresh {
		n.examples = append(n.examples, *ex)
		own := &n.examples[i]
		if len(n.logits) > 0 && models.Finite(n.logits[i*k:(i+1)*k]) {
			own.Logits, own.LogitsAt = n.logits[i*k:(i+1)*k:(i+1)*k], position
		}
		n.list = append(n.list, own)
	}
	return n.list
}

// notes are copies of examples, with logits.
type notes struct {
	examples []replay.Example
	list     []*replay.Example
	logits   []float32
}
