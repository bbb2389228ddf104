package engine

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
	dark     float64 // factor of the distance from the stored logits; 0 for none
	own      bool    // among the classes of the new examples alone
}

// portions says in which role the examples of a step are learned: new ones, and those of each
// draw.
func (a *arm) portions(fresh []*replay.Example, draws [2][]*replay.Example) [3]portion {
	l := a.cfg.Loss
	p := [3]portion{{examples: fresh, label: 1}, {examples: draws[0], label: 1}}
	switch l.Kind {
	case LossERACE:
		p[0].own = true
	case LossDER:
		p[1].label, p[1].dark = 0, l.Alpha
	case LossDERPP:
		p[1].label, p[1].dark = 0, l.Alpha
		p[2] = portion{examples: draws[1], label: l.Beta}
	}
	return p
}

// update makes a step on the portions, if there are any examples.
func (a *arm) update(portions [3]portion) error {
	a.compose(portions[:])
	if a.batch.b.Rows == 0 {
		return nil
	}
	if _, err := a.model.Gradients(a.batch.view()); err != nil {
		return err
	}
	return a.step.Step(a.model.Grads(), a.model.Params())
}

// compose lays portions out as a batch.
func (a *arm) compose(portions []portion) {
	a.batch.reset()
	a.batch.b.Noise = a.noise
	for _, p := range portions {
		first := a.batch.b.Rows
		for _, ex := range p.examples {
			a.batch.add(ex)
			if a.objective.Masked {
				a.mask(ex, p.own)
			}
			if a.objective.Distill != models.DistillNone {
				a.batch.teach(ex)
			}
		}
		if a.objective.Sum {
			a.batch.scale(first, p)
		}
	}
}

// mask says which classes the last example that was added competes among. Its own class is
// always one of them.
func (a *arm) mask(ex *replay.Example, own bool) {
	b := &a.batch.b
	k := a.batch.spec.Classes
	among := a.classes.seen
	if own {
		among = a.classes.fresh
	}
	head := a.heads.of(ex.Segment)
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
	fresh []bool // among the new examples of the step in progress
}

// note takes in the classes of a step's new examples. A complementary label shows none.
func (c *classes) note(fresh []*replay.Example) {
	if c.seen == nil {
		return
	}
	clear(c.fresh)
	for _, ex := range fresh {
		if !ex.Negative {
			c.fresh[int(ex.Target)] = true
			c.seen[int(ex.Target)] = true
		}
	}
}

// list returns the classes seen, in their order.
func (c *classes) list() (seen []int) {
	for class, ok := range c.seen {
		if ok {
			seen = append(seen, class)
		}
	}
	return seen
}

// restore takes what list returned. The classes of the last step are not needed again.
func (c *classes) restore(seen []int) error {
	for i, class := range seen {
		if class < 0 || class >= len(c.seen) || i > 0 && class <= seen[i-1] {
			return fmt.Errorf("class %d of those seen is out of order, or not one of %d", class, len(c.seen))
		}
		c.seen[class] = true
	}
	return nil
}

// remember offers the new examples of a step to the memory. Where the loss holds rehearsed
// examples to earlier logits, or the memory is to keep them, those are the logits of the step
// that learned them, before its update; a step that was dropped gave none.
func (a *arm) remember(fresh []*replay.Example, learned bool, position uint64, keep *rand.Rand) {
	var logits []float32
	if learned && (a.cfg.Loss.dark() || a.cfg.Replay.Logits) {
		logits = a.model.Trained()
	}
	k := a.batch.spec.Outputs()
	a.offered = a.offered[:0]
	for i, ex := range fresh {
		if logits != nil && models.Finite(logits[i*k:(i+1)*k]) {
			own := *ex
			own.Logits, own.LogitsAt = slices.Clone(logits[i*k:(i+1)*k]), position
			ex = &own
		}
		a.offered = append(a.offered, ex)
		if a.phase != nil {
			a.phase.Add(ex, keep)
		}
	}
	replay.Offer(a.memory, a.offered, keep)
	clear(a.offered)
	a.since += uint64(len(fresh))
}
