package replay

import (
	"math/bits"
	"slices"

	"github.com/perennial-ml/perennial/internal/seal"
)

const (
	// pageSlots is the least number of slots to a page. It grows with the capacity, so
	// that a memory has no more than about maxPages.
	pageSlots = 1 << 10
	maxPages  = 1 << 10
	// wholeSlots is the most examples of a state that is kept in one piece.
	wholeSlots = 1 << 14
)

// A page is the examples of a run of slots. It never changes; states share it for as long
// as no slot of it does.
type page struct {
	items []*Example
	seal  seal.Seal
}

// pages is the store's account of which runs of slots changed since they were last copied.
type pages struct {
	slots  int     // to a page
	copied []*page // by page; nil where a slot changed, or past its end
}

func newPages(capacity int) pages {
	n := max(pageSlots, (capacity+maxPages-1)/maxPages)
	return pages{slots: 1 << bits.Len(uint(n-1))}
}

// touch notes that a slot changed, or came into being.
func (p *pages) touch(slot int) {
	if at := slot / p.slots; at < len(p.copied) {
		p.copied[at] = nil
	}
}

// cut notes that there are only so many slots left.
func (p *pages) cut(slots int) {
	if n := (slots + p.slots - 1) / p.slots; n < len(p.copied) {
		clear(p.copied[n:])
		p.copied = p.copied[:n]
	}
}

// freeze returns the examples by page, in time proportional to the pages that changed
// since the last call.
func (s *store) freeze() []*page {
	p := &s.pages
	for at := 0; at*p.slots < len(s.items); at++ {
		if at == len(p.copied) {
			p.copied = append(p.copied, nil)
		}
		if p.copied[at] == nil {
			p.copied[at] = &page{items: slices.Clone(s.items[at*p.slots : min((at+1)*p.slots, len(s.items))])}
		}
	}
	return slices.Clone(p.copied)
}
