package replay

import (
	"math/rand/v2"
	"slices"

	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// A Judge is what a memory or a Retriever knows of the learner that it belongs to. Its
// answers are functions of the learner's state and of the examples.
type Judge interface {
	// Judge returns what the learner makes of the examples; valid until the next call
	// of either method.
	Judge(list []*Example) Opinions
	// Ahead returns the losses that the examples would have after a step on fresh
	// alone; valid until the next call of either method.
	Ahead(list, fresh []*Example) []float32
}

// Opinions are what a learner makes of a list of examples, a row for each. All are finite:
// where the learner's own numbers are not, a row has the loss math.MaxFloat32, and zeros.
type Opinions struct {
	// Losses are by the label alone, without weight, penalty or distillation; never
	// negative. The probability of a class counts as no less than 1e-7.
	Losses []float32
	// Features are rows × Width: what the learner's last layer reads.
	Features []float32
	Width    int
	// Residuals are rows × Outputs: the derivatives of the losses by the logits. With
	// the features h of the same row, the residuals d make the gradient d (h, 1)ᵀ of
	// the last layer.
	Residuals []float32
	Outputs   int
}

// Feature returns a row of the features.
func (o *Opinions) Feature(row int) []float32 { return o.Features[row*o.Width : (row+1)*o.Width] }

// Residual returns a row of the residuals.
func (o *Opinions) Residual(row int) []float32 {
	return o.Residuals[row*o.Outputs : (row+1)*o.Outputs]
}

// An Observer is a memory that wants to know how examples are learned.
type Observer interface {
	// Observe tells the losses of examples that were part of a step: of rehearsed ones,
	// and of new ones that are offered next.
	Observe(list []*Example, losses []float32)
}

// Offer adds the examples of a list, one after the other. Kinds that need a Judge hear it
// on the whole list at once, which is cheaper than one Add for each.
func Offer(m Memory, list []*Example, r *rand.Rand) { Offering{List: list}.To(m, r) }

// An Offering is a list of examples, and what a memory may make of them. One that is not of this
// package is told nothing.
type Offering struct {
	List []*Example
	// Lent says that the caller writes over the examples afterwards, with their logits, but not their
	// other arrays: a memory copies those that it keeps.
	Lent bool
	// Rows are the dense features of all, one after the other, as in a batch that was just learned; nil
	// if they are in the examples alone. A memory that packs them reads them there, where they have not
	// left the caches yet. No Judge may write over them.
	Rows []float32
}

// To is Offer.
func (o Offering) To(m Memory, r *rand.Rand) {
	to, knows := m.(interface {
		Receive(store.Terms)
		Near(dense []float32)
		Expect(id string)
	})
	list := o.List
	switch {
	case o.Lent && knows:
		to.Receive(store.Lent)
		defer to.Receive(store.Shared)
	case o.Lent:
		list = copies(list)
	}
	p, prepares := m.(interface {
		prepare(list []*Example, r *rand.Rand)
		forgetOpinions()
	})
	if prepares {
		p.prepare(list, r)
	}
	rows := o.Rows
	for i, ex := range list {
		example.PrefetchIDs(list, i)
		if knows && i+1 < len(list) {
			to.Expect(list[i+1].ID)
		}
		if n := ex.Width(); knows && n > 0 && n <= len(rows) {
			to.Near(rows[:n])
			rows = rows[n:]
		}
		m.Add(ex, r)
	}
	if o.Rows != nil && knows {
		to.Near(nil)
	}
	if prepares {
		p.forgetOpinions()
	}
}

func copies(list []*Example) []*Example {
	out := make([]*Example, len(list))
	for i, ex := range list {
		own := *ex
		own.Logits = slices.Clone(ex.Logits)
		out[i] = &own
	}
	return out
}

// hearing holds a Judge's opinions on a list of newcomers.
type hearing struct {
	judge    Judge
	asked    []*Example // scratch: the newcomers, and what else was asked about
	arrivals int        // the first ones of asked
	next     int        // of the arrivals
	one      [1]*Example
	opinions Opinions
}

// hear asks about newcomers; others are further examples to be judged with them.
func (h *hearing) hear(arrivals, others []*Example) {
	h.asked = append(append(h.asked[:0], arrivals...), others...)
	h.arrivals, h.next = len(arrivals), 0
	h.opinions = h.judge.Judge(h.asked)
}

// alone is a list of one newcomer.
func (h *hearing) alone(ex *Example) []*Example {
	h.one[0] = ex
	return h.one[:]
}

// row returns the opinion's row of a newcomer, in the order of the list; false if it is
// not the next one.
func (h *hearing) row(ex *Example) (int, bool) {
	for at := h.next; at < h.arrivals; at++ {
		if h.asked[at] == ex {
			h.next = at + 1
			return at, true
		}
	}
	return 0, false
}

func (h *hearing) forgetOpinions() {
	clear(h.asked)
	h.asked, h.arrivals, h.opinions = h.asked[:0], 0, Opinions{}
}
