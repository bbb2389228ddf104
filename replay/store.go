package replay

import "math/rand/v2"

// store holds examples in slots 0..len-1. Removing one moves the last into its slot,
// so that every operation but the draw takes constant time.
type store struct {
	items []*Example
	index map[string]int // slot by ID; examples without an ID are not indexed
	bytes int
	packs *packer // nil if dense features are held as they came
	whole int     // examples whose dense features are not
	pages pages
}

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

func newStore(cfg Config) store {
	s := store{index: map[string]int{}, pages: newPages(cfg.Capacity)}
	if cfg.Store == Uint8 {
		s.packs = &packer{Unpacker: NewUnpacker()}
	}
	return s
}

// own returns an example as the store holds it.
func (s *store) own(ex *Example) *Example {
	if s.packs != nil {
		return s.packs.pack(ex)
	}
	return ex
}

// find returns the slot of an ID.
func (s *store) find(id string) (int, bool) {
	if id == "" {
		return 0, false
	}
	slot, ok := s.index[id]
	return slot, ok
}

// push puts an example in a new slot at the end.
func (s *store) push(ex *Example) {
	ex = s.own(ex)
	if ex.ID != "" {
		s.index[ex.ID] = len(s.items)
	}
	s.pages.touch(len(s.items))
	s.items = append(s.items, ex)
	s.count(ex, 1)
}

// renew puts a new form of the example in a slot, which keeps the logits that it has.
func (s *store) renew(slot int, ex *Example) {
	if old := s.items[slot]; ex.Logits == nil && old.Logits != nil {
		with := *ex
		with.Logits, with.LogitsAt = old.Logits, old.LogitsAt
		ex = &with
	}
	s.put(slot, ex)
}

// put overwrites a slot.
func (s *store) put(slot int, ex *Example) {
	ex = s.own(ex)
	old := s.items[slot]
	if old.ID != "" {
		delete(s.index, old.ID)
	}
	if ex.ID != "" {
		s.index[ex.ID] = slot
	}
	s.items[slot] = ex
	s.pages.touch(slot)
	s.count(old, -1)
	s.count(ex, 1)
}

// remove empties a slot and moves the last example into it.
func (s *store) remove(slot int) {
	old := s.items[slot]
	if old.ID != "" {
		delete(s.index, old.ID)
	}
	last := len(s.items) - 1
	if moved := s.items[last]; slot != last {
		s.items[slot] = moved
		if moved.ID != "" {
			s.index[moved.ID] = slot
		}
	}
	s.items[last] = nil
	s.items = s.items[:last]
	s.pages.touch(slot)
	s.pages.touch(last)
	s.pages.cut(last)
	s.count(old, -1)
}

// refill replaces the contents. The slice becomes the store's own.
func (s *store) refill(items []*Example) {
	*s = store{items: items, index: make(map[string]int, len(items)), packs: s.packs, pages: pages{slots: s.pages.slots}}
	for slot, ex := range items {
		if ex.ID != "" {
			s.index[ex.ID] = slot
		}
		s.count(ex, 1)
	}
}

// A drawer draws without replacement from one or two slices as if they were one.
type drawer struct {
	swaps []int // scratch: who was swapped with whom
}

// draw appends n examples of a and b to dst: the start of a Fisher-Yates shuffle in
// place, undone afterwards, so that a draw costs O(n) and leaves no trace.
func (d *drawer) draw(dst, a, b []*Example, n int, r *rand.Rand) []*Example {
	total := len(a) + len(b)
	n = max(0, min(n, total))
	at := func(i int) **Example {
		if i < len(a) {
			return &a[i]
		}
		return &b[i-len(a)]
	}
	d.swaps = d.swaps[:0]
	for i := range n {
		j := i + r.IntN(total-i)
		p, q := at(i), at(j)
		*p, *q = *q, *p
		dst = append(dst, *p)
		d.swaps = append(d.swaps, j)
	}
	for i := n - 1; i >= 0; i-- {
		p, q := at(i), at(d.swaps[i])
		*p, *q = *q, *p
	}
	return dst
}
