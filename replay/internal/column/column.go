package column

import (
	"math/bits"
	"slices"

	"github.com/perennial-ml/perennial/internal/pixel"
	"github.com/perennial-ml/perennial/internal/seal"
)

const (
	// LeastPage is the least number of slots to a page of examples. It grows with the
	// capacity, so that a memory has no more than about maxPages.
	LeastPage = 1 << 10
	maxPages  = 1 << 10
	// NumberPages is how many pages of examples have the slots of one page of numbers of
	// 32 bits, and PairPages of one of pairs of them: so many smaller blobs, and none so
	// large that to copy it takes long.
	NumberPages = 4
	PairPages   = 2
)

// Page returns the number of slots to a page for that many examples, a power of two.
func Page(most int) int {
	n := max(LeastPage, (most+maxPages-1)/maxPages)
	return 1 << bits.Len(uint(n-1))
}

// A Column holds a value for each slot 0..n-1, in pages of equal length but for the last.
// States share its pages; one that is shared is copied before it changes. So taking a state
// costs what the list of pages costs, and a state's page stays the same blob for as long as
// none of its slots changes.
type Column[T any] struct {
	shift uint // a page has 1<<shift slots
	n     int
	pages [][]T
	seals []*seal.Seal // by page; nil where no state shares it
}

// New returns an empty column of pages of that length, a power of two.
func New[T any](page int) Column[T] {
	return Column[T]{shift: uint(bits.TrailingZeros(uint(page)))}
}

// Of returns a column of a list.
func Of[T any](page int, list []T) Column[T] {
	c := New[T](page)
	c.n = len(list)
	for part := range slices.Chunk(list, page) {
		c.pages, c.seals = append(c.pages, slices.Clone(part)), append(c.seals, nil)
	}
	return c
}

// Len returns the number of slots.
func (c *Column[T]) Len() int { return c.n }

// Page returns the number of slots to a page.
func (c *Column[T]) Page() int { return 1 << c.shift }

// Pages lists the pages, which stay the column's.
func (c *Column[T]) Pages() [][]T { return c.pages }

// Seal returns what knows the digest of a page; nil while no state shares it.
func (c *Column[T]) Seal(page int) *seal.Seal { return c.seals[page] }

// At returns the value of a slot.
func (c *Column[T]) At(slot int) T { return c.pages[slot>>c.shift][slot&(1<<c.shift-1)] }

// Ask asks for the value of a slot, which is to be read soon.
func (c *Column[T]) Ask(slot int) {
	pixel.Prefetch(&c.pages[slot>>c.shift][slot&(1<<c.shift-1)], 1)
}

// own returns a page that may be changed.
func (c *Column[T]) own(page int) []T {
	if c.seals[page] != nil {
		c.pages[page], c.seals[page] = slices.Clone(c.pages[page]), nil
	}
	return c.pages[page]
}

// Set changes a slot.
func (c *Column[T]) Set(slot int, v T) { c.own(slot >> c.shift)[slot&(1<<c.shift-1)] = v }

// Push adds a slot at the end.
func (c *Column[T]) Push(v T) {
	last := c.n >> c.shift
	if last == len(c.pages) {
		c.pages, c.seals = append(c.pages, nil), append(c.seals, nil)
	}
	c.pages[last] = append(c.own(last), v)
	c.n++
}

// Pop removes the last slot.
func (c *Column[T]) Pop() {
	c.n--
	last, left := c.n>>c.shift, c.n&(1<<c.shift-1)
	if left == 0 {
		c.pages[last] = nil
		c.pages, c.seals = c.pages[:last], c.seals[:last]
		return
	}
	page := c.own(last)
	clear(page[left:])
	c.pages[last] = page[:left]
}

// List returns the values by slot. The slice is the caller's.
func (c *Column[T]) List() []T { return slices.Concat(c.pages...) }

// Freeze returns the column as it is now, for a state.
func (c *Column[T]) Freeze() Column[T] {
	for i, s := range c.seals {
		if s == nil {
			c.seals[i] = new(seal.Seal)
		}
	}
	return Column[T]{shift: c.shift, n: c.n, pages: slices.Clone(c.pages), seals: slices.Clone(c.seals)}
}

// Thaw returns a column, of pages of that length, that begins as a state's.
func (c *Column[T]) Thaw(page int) Column[T] {
	if 1<<c.shift != page {
		return Of(page, c.List())
	}
	return Column[T]{shift: c.shift, n: c.n, pages: slices.Clone(c.pages), seals: slices.Clone(c.seals)}
}
