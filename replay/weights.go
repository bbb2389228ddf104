package replay

import (
	"math/rand/v2"
	"slices"
)

// weights holds a whole number for each slot, and draws slots by them in O(log n) time. All
// sums are exact, so that a draw depends on the numbers alone and not on the order in which
// they came.
type weights struct {
	leaves column[uint32] // by slot
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

func newWeights(cfg Config) weights {
	return weights{leaves: newColumn[uint32](numberPages * cfg.page())}
}

// load begins anew with a state's numbers.
func (w *weights) load(leaves *column[uint32]) {
	page := 1 << w.leaves.shift
	*w = weights{leaves: newColumn[uint32](page)}
	for _, page := range leaves.pages {
		for _, v := range page {
			w.push(v)
		}
	}
	w.leaves = leaves.thaw(page)
}

// push adds a slot at the end.
func (w *weights) push(v uint32) {
	slot := w.leaves.n
	w.leaves.push(0)
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
	w.set(slot, v)
}

func (w *weights) set(slot int, v uint32) {
	old := w.leaves.at(slot)
	if v == old {
		return
	}
	w.leaves.set(slot, v)
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
func (w *weights) largest(i, node int) uint32 {
	from := node << fanShift
	if i > 0 {
		below := w.levels[i-1].max
		return slices.Max(below[from:min(from+fan, len(below))])
	}
	top := uint32(0)
	for slot := from; slot < min(from+fan, w.leaves.n); slot++ {
		top = max(top, w.leaves.at(slot))
	}
	return top
}

// remove empties a slot and moves the last one's number into it.
func (w *weights) remove(slot int) {
	last := w.leaves.n - 1
	w.set(slot, w.leaves.at(last))
	w.set(last, 0)
	w.leaves.pop()
	for i, at := range w.levels {
		if nodes := (last-1)>>(fanShift*(i+1)) + 1; last > 0 && nodes < len(at.sum) {
			w.levels[i] = level{sum: at.sum[:nodes], max: at.max[:nodes]}
		}
	}
}

// pick draws a slot with a probability proportional to its number; any slot if all are 0.
func (w *weights) pick(r *rand.Rand) int {
	return w.descend(r, func(_ int, sum uint64) uint64 { return sum })
}

// pickLow draws a slot with a probability proportional to how far its number is below the
// largest; any slot if all are equal.
func (w *weights) pickLow(r *rand.Rand) int {
	top := uint64(w.levels[len(w.levels)-1].max[0])
	return w.descend(r, func(slots int, sum uint64) uint64 { return uint64(slots)*top - sum })
}

// descend draws a slot by the mass of the nodes, which have so many slots below them.
func (w *weights) descend(r *rand.Rand, mass func(slots int, sum uint64) uint64) int {
	n, root := w.leaves.n, len(w.levels)-1
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
				sum = uint64(w.leaves.at(node))
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

// weightBytes is what a slot takes: its leaf, and a sixteenth of a node.
const weightBytes = 5
