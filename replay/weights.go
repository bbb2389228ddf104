package replay

import (
	"math/rand/v2"
	"slices"
)

// weights holds a whole number for each slot, and draws slots by them in O(log n) time. All
// sums are exact, so that a draw depends on the numbers alone and not on the order in which
// they came. The zero value is empty.
type weights struct {
	leaves []uint32 // by slot
	// sum and max are a binary tree over the slots, whose root is node 1 and whose
	// leaf for slot i is node size+i.
	sum  []uint64
	max  []uint32
	size int // a power of two, at least len(leaves)
}

// load replaces the numbers. The slice becomes the weights' own.
func (w *weights) load(leaves []uint32) {
	*w = weights{leaves: leaves, size: 1}
	for w.size < len(leaves) {
		w.size *= 2
	}
	w.sum, w.max = make([]uint64, 2*w.size), make([]uint32, 2*w.size)
	for i, v := range leaves {
		w.sum[w.size+i], w.max[w.size+i] = uint64(v), v
	}
	for i := w.size - 1; i > 0; i-- {
		w.sum[i], w.max[i] = w.sum[2*i]+w.sum[2*i+1], max(w.max[2*i], w.max[2*i+1])
	}
}

// push adds a slot at the end.
func (w *weights) push(v uint32) {
	if len(w.leaves) == w.size {
		w.load(append(slices.Grow(w.leaves, len(w.leaves)+1), v))
		return
	}
	w.leaves = append(w.leaves, v)
	w.update(len(w.leaves)-1, v)
}

func (w *weights) set(slot int, v uint32) {
	w.leaves[slot] = v
	w.update(slot, v)
}

// remove empties a slot and moves the last one's number into it.
func (w *weights) remove(slot int) {
	last := len(w.leaves) - 1
	w.set(slot, w.leaves[last])
	w.set(last, 0)
	w.leaves = w.leaves[:last]
}

func (w *weights) update(slot int, v uint32) {
	i := w.size + slot
	w.sum[i], w.max[i] = uint64(v), v
	for i /= 2; i > 0; i /= 2 {
		w.sum[i], w.max[i] = w.sum[2*i]+w.sum[2*i+1], max(w.max[2*i], w.max[2*i+1])
	}
}

// pick draws a slot with a probability proportional to its number; any slot if all are 0.
func (w *weights) pick(r *rand.Rand) int {
	return w.descend(r, func(node, _ int) uint64 { return w.sum[node] })
}

// pickLow draws a slot with a probability proportional to how far its number is below the
// largest; any slot if all are equal.
func (w *weights) pickLow(r *rand.Rand) int {
	top := uint64(w.max[1])
	return w.descend(r, func(node, slots int) uint64 { return uint64(slots)*top - w.sum[node] })
}

// descend draws a slot by the mass of the nodes, which have so many slots below them.
func (w *weights) descend(r *rand.Rand, mass func(node, slots int) uint64) int {
	n := len(w.leaves)
	total := mass(1, n)
	if total == 0 {
		return r.IntN(n)
	}
	x := r.Uint64N(total)
	node, from, span := 1, 0, w.size
	for span > 1 {
		span /= 2
		left := mass(2*node, min(max(n-from, 0), span))
		node *= 2
		if x >= left {
			x -= left
			node++
			from += span
		}
	}
	return from
}

// weightBytes is what a slot takes: its leaf and two nodes of the tree, which has room for up to
// twice as many.
const weightBytes = 4 + 3*12
