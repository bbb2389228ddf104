package store

import (
	"math/rand/v2"
	"slices"

	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// An Example is what a store holds.
type Example = example.Example

// A Store holds examples in slots 0..n-1. Removing one moves the last into its slot, so that
// every operation but the draw takes constant time.
type Store struct {
	Limits
	Items column.Column[*Example]
	index index // examples without an ID are not indexed
	bytes int
	packs *example.Packer // nil if dense features are held as they came
	loans loans           // of packed rows
	whole int             // examples whose dense features are not
	terms Terms           // on which examples come
	near  []float32       // the dense features of the one that comes, where they are nearer than in it; or nil
	spare *Example        // a row that has left and is nobody's, for the next; or nil
}

// Terms say whose the examples are that come to a store.
type Terms int

const (
	// Shared ones stay as they are, whoever else holds them.
	Shared Terms = iota
	// Lent ones, and their logits, are written over later: the store holds copies.
	Lent
	// Given ones are the store's alone from now on.
	Given
)

// New returns an empty store with so many slots to a page. If packed, it holds dense features
// as bytes where it can.
func New(limits Limits, page int, packed bool) Store {
	s := Store{Limits: limits, Items: column.New[*Example](page), index: newIndex(limits.Most())}
	if packed {
		s.packs, s.loans = example.NewPacker(), newLoans()
	}
	return s
}

// Fresh returns an empty store of the same making.
func (s *Store) Fresh() Store { return New(s.Limits, s.Items.Page(), s.packs != nil) }

// Len returns the number of examples.
func (s *Store) Len() int { return s.Items.Len() }

// Whole returns how many examples are held as they came where they should be packed.
func (s *Store) Whole() int {
	if s.packs == nil {
		return 0
	}
	return s.whole
}

// count takes an example into the account of bytes, or with -1 out of it.
func (s *Store) count(ex *Example, n int) {
	s.bytes += n * example.Size(ex)
	if len(ex.Dense) > 0 {
		s.whole += n
	}
}

// Find returns the slot of an ID.
func (s *Store) Find(id string) (int, bool) { return s.index.find(id, &s.Items) }

// Push puts an example in a new slot at the end.
func (s *Store) Push(ex *Example) {
	if s.packs != nil {
		packed := s.packs.PackOver(nil, ex, s.dense(ex))
		s.loans.push(packed != ex || s.terms == Given)
		ex = s.own(packed, ex)
	} else {
		ex = s.own(ex, ex)
	}
	s.index.push(ex.ID)
	s.Items.Push(ex)
	s.count(ex, 1)
}

// Receive says on which terms examples come from now on.
func (s *Store) Receive(terms Terms) { s.terms = terms }

// Terms returns on which terms examples come.
func (s *Store) Terms() Terms { return s.terms }

// Near says where the dense features of the example that comes next are read, if it is packed; nil
// is in the example.
func (s *Store) Near(dense []float32) { s.near = dense }

// dense returns the dense features of an example that comes.
func (s *Store) dense(ex *Example) []float32 {
	if len(s.near) == len(ex.Dense) {
		return s.near
	}
	return ex.Dense
}

// own returns what the store holds of an example: what was made of it, or a copy if that is lent.
func (s *Store) own(made, ex *Example) *Example {
	if s.terms != Lent {
		return made
	}
	if made == ex {
		copied := *ex
		made = &copied
	}
	made.Logits = slices.Clone(made.Logits)
	return made
}

// PassSpare gives another store the row that is nobody's, if there is one.
func (s *Store) PassSpare(to *Store) {
	if s.spare != nil {
		to.spare, s.spare = s.spare, nil
	}
}

// Renew puts a new form of the example in a slot, which keeps the logits that it has.
func (s *Store) Renew(slot int, ex *Example) {
	if old := s.Items.At(slot); ex.Logits == nil && old.Logits != nil {
		with := *ex
		with.Logits, with.LogitsAt = old.Logits, old.LogitsAt
		ex = &with
	}
	s.Put(slot, ex)
}

// Put overwrites a slot, and the row that was in it, if that is the store's alone.
func (s *Store) Put(slot int, ex *Example) {
	old := s.Items.At(slot)
	s.count(old, -1)
	if s.packs != nil {
		if !s.loans.free(slot) {
			old, s.spare = s.spare, nil
		}
		packed := s.packs.PackOver(old, ex, s.dense(ex))
		s.loans.put(slot, packed != ex || s.terms == Given)
		if packed != old && old != nil {
			s.spare = old
		}
		ex = s.own(packed, ex)
	} else {
		ex = s.own(ex, ex)
	}
	s.index.put(slot, ex.ID)
	s.Items.Set(slot, ex)
	s.count(ex, 1)
}

// Delete empties a slot and moves the last example into it.
func (s *Store) Delete(slot int) {
	s.count(s.Items.At(slot), -1)
	s.index.remove(slot)
	if s.packs != nil {
		s.loans.remove(slot)
	}
	if last := s.Items.Len() - 1; slot != last {
		s.Items.Set(slot, s.Items.At(last))
	}
	s.Items.Pop()
}

// Fill puts a state's examples into a store that is new.
func (s *Store) Fill(items *column.Column[*Example]) {
	s.Items = items.Thaw(s.Items.Page())
	for _, page := range s.Items.Pages() {
		for _, ex := range page {
			s.index.push(ex.ID)
			s.count(ex, 1)
			if s.packs != nil {
				s.loans.push(false)
			}
		}
	}
}

// DrawFrom appends n examples to dst, or every one, without replacement.
func (s *Store) DrawFrom(d *sample.Drawer, dst []*Example, n int, r *rand.Rand) []*Example {
	for _, slot := range d.Draw(s.Items.Len(), n, r) {
		dst = append(dst, s.Lend(slot))
	}
	return dst
}

// Lend returns the example in a slot, to somebody who may keep it until Returned.
func (s *Store) Lend(slot int) *Example {
	if s.packs != nil {
		s.loans.draw(slot)
	}
	return s.Items.At(slot)
}

// Returned says that nobody keeps what was lent so far.
func (s *Store) Returned() { s.loans.end() }

// Release says that somebody may keep the example in a slot for good.
func (s *Store) Release(slot int) {
	if s.packs != nil {
		s.loans.put(slot, false)
	}
}

// Freeze returns the examples as they are now, for a state.
func (s *Store) Freeze() column.Column[*Example] {
	s.loans.show()
	return s.Items.Freeze()
}

// Sweep drops the examples that match, by a drop that ends with Delete. It goes from the last
// slot to the first, since dropping one moves the last into its slot.
func (s *Store) Sweep(match func(*Example) bool, drop func(slot int)) int {
	n := 0
	s.loans.show()
	for slot := s.Items.Len() - 1; slot >= 0; slot-- {
		if match(s.Items.At(slot)) {
			drop(slot)
			n++
		}
	}
	return n
}
