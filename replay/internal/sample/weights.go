package sample

import (
	"math/rand/v2"
	"slices"

	"github.com/perennial-ml/perennial/replay/internal/column"
)

// Weights holds a whole number for each slot, and draws slots by them in O(log n) time. All
// sums are exact, so that a draw depends on the numbers alone and not on the order in which
// they came.
type Weights struct {
	leaves column.Column[uint32] // by slot
	// levels are those of a tree over the slots, from the nodes above 16 leaves each to
	// one root.
	levels []level
}

// A level has a node for each 16 below it.
type level struct {
	sum []uint64
	max []uint32
}

const fanShift, fan = 4, 16

// NewWeights returns weights of no slot, in pages of that many.
func NewWeights(page int) Weights { return Weights{leaves: column.New[uint32](page)} }

// Len returns the number of slots.
func (w *Weights) Len() int { return w.leaves.Len() }

// At returns the number of a slot.
func (w *Weights) At(slot int) uint32 { return w.leaves.At(slot) }

// Freeze returns the numbers as they are now, for a state.
func (w *Weights) Freeze() column.Column[uint32] { return w.leaves.Freeze() }

// Load begins anew with a state's numbers.
func (w *Weights) Load(leaves *column.Column[uint32]) {
	page := w.leaves.Page()
	*w = NewWeights(page)
	for _, page := range leaves.Pages() {
		for _, v := range page {
			w.Push(v)
		}
	}
	w.leaves = leaves.Thaw(page)
}

// Push adds a slot at the end.
func (w *Weights) Push(v uint32) {
	slot := w.leaves.Len()
	w.leaves.Push(0)
	nodes := slot>>fanShift + 1
	for i := 0; i < len(w.levels); i++ {
		if l := &w.levels[i]; nodes > len(l.sum) {
			l.sum, l.max = append(l.sum, 0), append(l.max, 0)
		}
		nodes = (nodes-1)>>fanShift + 1
	}
	if n := len(w.levels); n == 0 {
		w.levels = append(w.levels, level{sum: make([]uint64, 1), max: make([]uint32, 1)})
	} else if top := w.levels[n-1]; len(top.sum) > 1 { // its second node is new
		w.levels = append(w.levels, level{sum: slices.Clone(top.sum[:1]), max: slices.Clone(top.max[:1])})
	}
	w.Set(slot, v)
}

// Set changes the number of a slot.
func (w *Weights) Set(slot int, v uint32) {
	old := w.leaves.At(slot)
	if v == old {
		return
	}
	w.leaves.Set(slot, v)
	at := slot
	for i := range w.levels {
		at >>= fanShift
		l := &w.levels[i]
		l.sum[at] += uint64(v) - uint64(old) // modulo 2⁶⁴
		if v >= l.max[at] {
			l.max[at] = v
		} else if old == l.max[at] {
			l.max[at] = w.largest(i, at)
		}
	}
}

// largest returns the largest number below a node.
func (w *Weights) largest(i, node int) uint32 {
	from := node << fanShift
	if i > 0 {
		below := w.levels[i-1].max
		return slices.Max(below[from:min(from+fan, len(below))])
	}
	top := uint32(0)
	for slot := from; slot < min(from+fan, w.leaves.Len()); slot++ {
		top = max(top, w.leaves.At(slot))
	}
	return top
}

// Remove empties a slot and moves the last one's number into it.
func (w *Weights) Remove(slot int) {
	last := w.leaves.Len() - 1
	w.Set(slot, w.leaves.At(last))
	w.Set(last, 0)
	w.leaves.Pop()
	for i, at := range w.levels {
		if nodes := (last-1)>>(fanShift*(i+1)) + 1; last > 0 && nodes < len(at.sum) {
			w.levels[i] = level{sum: at.sum[:nodes], max: at.max[:nodes]}
		}
	}
}

// Pick draws a slot with a probability proportional to its number; any slot if all are 0.
func (w *Weights) Pick(r *rand.Rand) int {
	return w.descend(r, func(_ int, sum uint64) uint64 { return sum })
}

// PickLow draws a slot with a probability proportional to how far its number is below the
// largest; any slot if all are equal.
func (w *Weights) PickLow(r *rand.Rand) int {
	top := uint64(w.levels[len(w.levels)-1].max[0])
	return w.descend(r, func(slots int, sum uint64) uint64 { return uint64(slots)*top - sum })
}

// descend draws a slot by the mass of the nodes, which have so many slots below them.
func (w *Weights) descend(r *rand.Rand, mass func(slots int, sum uint64) uint64) int {
	n, root := w.leaves.Len(), len(w.levels)-1
	total := mass(n, w.levels[root].sum[0])
	if total == 0 {
		return r.IntN(n)
	}
	x, node := r.Uint64N(total), 0
	for i := root - 1; i >= -1; i-- {
		for node <<= fanShift; ; node++ {
			sum := uint64(0)
			if i >= 0 {
				sum = w.levels[i].sum[node]
			} else {
				sum = uint64(w.leaves.At(node))
			}
			from := node << (fanShift * (i + 1))
			below := mass(min(1<<(fanShift*(i+1)), n-from), sum)
			if x < below {
				break
			}
			x -= below
		}
	}
	return node
}

// WeightBytes is what a slot takes: its leaf, and a sixteenth of a node.
const WeightBytes = 5
