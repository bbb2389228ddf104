package sample

import (
	"math/bits"
	"math/rand/v2"
)

// A Drawer draws without replacement.
type Drawer struct {
	drawn []int  // scratch
	moved []move // scratch: a hash table, a power of two of places
}

// move says who stands at a place; the place is one more, so that all zeros are no move.
type move struct{ place, who uint32 }

// keptMoves is the largest table that is kept from draw to draw.
const keptMoves = 1 << 14

// Draw returns n of the numbers 0..total-1, or all, in random order; valid until the next
// call. It is the start of a Fisher-Yates shuffle of which only the places that were
// touched exist, so that it costs O(n).
func (d *Drawer) Draw(total, n int, r *rand.Rand) []int {
	n = max(0, min(n, total))
	d.drawn = d.drawn[:0]
	if n == 0 {
		return d.drawn
	}
	upper := uint(bits.Len(uint(2*n - 1)))
	if size := 1 << upper; size > len(d.moved) {
		d.moved = make([]move, size)
	} else {
		clear(d.moved[:size])
	}
	table, shift := d.moved[:1<<upper], 32-upper
	// find returns where the move of a place is, or would be.
	find := func(place int) *move {
		mask := uint32(len(table) - 1)
		i := uint32(place) * 2654435769 >> shift // 2³² over the golden ratio
		for table[i].place != uint32(place)+1 && table[i].place != 0 {
			i = (i + 1) & mask
		}
		return &table[i]
	}
	at := func(place int, m *move) int {
		if m.place == 0 {
			return place
		}
		return int(m.who)
	}
	for i := range n {
		j := i + r.IntN(total-i)
		to := find(j)
		d.drawn = append(d.drawn, at(j, to))
		if j > i { // no later step looks at place i
			*to = move{place: uint32(j) + 1, who: uint32(at(i, find(i)))}
		}
	}
	if len(d.moved) > keptMoves {
		d.moved = nil
	}
	return d.drawn
}
