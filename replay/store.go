package replay

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// store holds examples in slots 0..n-1. Removing one moves the last into its slot, so that
// every operation but the draw takes constant time.
type store struct {
	items column.Column[*Example]
	index index // examples without an ID are not indexed
	bytes int
	packs *Unpacker // nil if dense features are held as they came
	whole int       // examples whose dense features are not
}

// newStore returns an empty store with so many slots to a page.
func newStore(cfg Config, page int) store {
	s := store{items: column.New[*Example](page), index: newIndex(cfg.most())}
	if cfg.Store == Uint8 {
		s.packs = NewUnpacker()
	}
	return s
}

// Len implements Memory.
func (s *store) Len() int { return s.items.Len() }

// Whole is as Memory's.
func (s *store) Whole() int {
	if s.packs == nil {
		return 0
	}
	return s.whole
}

// count takes an example into the account of bytes, or with -1 out of it.
func (s *store) count(ex *Example, n int) {
	s.bytes += n * ex.bytes()
	if len(ex.Dense) > 0 {
		s.whole += n
	}
}

// own returns an example as the store holds it.
func (s *store) own(ex *Example) *Example {
	if s.packs != nil {
		return s.packs.pack(ex)
	}
	return ex
}

// find returns the slot of an ID.
func (s *store) find(id string) (int, bool) { return s.index.find(id, &s.items) }

// push puts an example in a new slot at the end.
func (s *store) push(ex *Example) {
	ex = s.own(ex)
	s.index.push(ex.ID)
	s.items.Push(ex)
	s.count(ex, 1)
}

// renew puts a new form of the example in a slot, which keeps the logits that it has.
func (s *store) renew(slot int, ex *Example) {
	if old := s.items.At(slot); ex.Logits == nil && old.Logits != nil {
		with := *ex
		with.Logits, with.LogitsAt = old.Logits, old.LogitsAt
		ex = &with
	}
	s.put(slot, ex)
}

// put overwrites a slot.
func (s *store) put(slot int, ex *Example) {
	ex = s.own(ex)
	s.count(s.items.At(slot), -1)
	s.index.put(slot, ex.ID)
	s.items.Set(slot, ex)
	s.count(ex, 1)
}

// remove empties a slot and moves the last example into it.
func (s *store) remove(slot int) {
	s.count(s.items.At(slot), -1)
	s.index.remove(slot)
	if last := s.items.Len() - 1; slot != last {
		s.items.Set(slot, s.items.At(last))
	}
	s.items.Pop()
}

// fill puts a state's examples into a store that is new.
func (s *store) fill(items *column.Column[*Example]) {
	s.items = items.Thaw(s.items.Page())
	for _, page := range s.items.Pages() {
		for _, ex := range page {
			s.index.push(ex.ID)
			s.count(ex, 1)
		}
	}
}

// drawFrom appends n examples to dst, or every one, without replacement.
func (s *store) drawFrom(d *sample.Drawer, dst []*Example, n int, r *rand.Rand) []*Example {
	for _, slot := range d.Draw(s.items.Len(), n, r) {
		dst = append(dst, s.items.At(slot))
	}
	return dst
}
