package replay

import (
	"math/bits"
	"slices"

	"github.com/perennial-ml/perennial/internal/seal"
)

const (
	// pageSlots is the least number of slots to a page of examples. It grows with the
	// capacity, so that a memory has no more than about maxPages.
	pageSlots = 1 << 10
	maxPages  = 1 << 10
	// numberPages is how many pages of examples have the slots of one page of numbers of
	// 32 bits, and seatPages of one of seats: so many smaller blobs, and none so large that
	// to copy it takes long.
	numberPages = 4
	seatPages   = 2
)

// most bounds the number of examples.
func (c Config) most() int {
	if c.MaxBytes > 0 {
		return min(c.Capacity, int(c.MaxBytes/exampleBytes)+1)
	}
	return c.Capacity
}

// page returns the number of slots to a page of examples, a power of two.
func (c Config) page() int {
	n := max(pageSlots, (c.most()+maxPages-1)/maxPages)
	return 1 << bits.Len(uint(n-1))
}

// A column holds a value for each slot 0..n-1, in pages of equal length but for the last.
// States share its pages; one that is shared is copied before it changes. So taking a state
// costs what the list of pages costs, and a state's page stays the same blob for as long as
// none of its slots changes.
type column[T any] struct {
	shift uint // a page has 1<<shift slots
	n     int
	pages [][]T
	seals []*seal.Seal // by page; nil where no state shares it
}

// newColumn returns an empty column of pages of that length, a power of two.
func newColumn[T any](page int) column[T] {
	return column[T]{shift: uint(bits.TrailingZeros(uint(page)))}
}

// columnOf returns a column of a list.
func columnOf[T any](page int, list []T) column[T] {
	c := newColumn[T](page)
	c.n = len(list)
	for part := range slices.Chunk(list, page) {
		c.pages, c.seals = append(c.pages, slices.Clone(part)), append(c.seals, nil)
	}
	return c
}

func (c *column[T]) at(slot int) T { return c.pages[slot>>c.shift][slot&(1<<c.shift-1)] }

// own returns a page that may be changed.
func (c *column[T]) own(page int) []T {
	if c.seals[page] != nil {
		c.pages[page], c.seals[page] = slices.Clone(c.pages[page]), nil
	}
	return c.pages[page]
}

func (c *column[T]) set(slot int, v T) { c.own(slot >> c.shift)[slot&(1<<c.shift-1)] = v }

// push adds a slot at the end.
func (c *column[T]) push(v T) {
	last := c.n >> c.shift
	if last == len(c.pages) {
		c.pages, c.seals = append(c.pages, nil), append(c.seals, nil)
	}
	c.pages[last] = append(c.own(last), v)
	c.n++
}

// pop removes the last slot.
func (c *column[T]) pop() {
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

// list returns the values by slot. The slice is the caller's.
func (c *column[T]) list() []T { return slices.Concat(c.pages...) }

// freeze returns the column as it is now, for a state.
func (c *column[T]) freeze() column[T] {
	for i, s := range c.seals {
		if s == nil {
			c.seals[i] = new(seal.Seal)
		}
	}
	return column[T]{shift: c.shift, n: c.n, pages: slices.Clone(c.pages), seals: slices.Clone(c.seals)}
}

// thaw returns a column, of pages of that length, that begins as a state's.
func (c *column[T]) thaw(page int) column[T] {
	if 1<<c.shift != page {
		return columnOf(page, c.list())
	}
	return column[T]{shift: c.shift, n: c.n, pages: slices.Clone(c.pages), seals: slices.Clone(c.seals)}
}
