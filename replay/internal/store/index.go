package store

import (
	"hash/maphash"
	"math/bits"

	"github.com/perennial-ml/perennial/internal/pixel"
	"github.com/perennial-ml/perennial/replay/internal/column"
)

// An index finds the slot of an example by its id. It is a hash table with linear probing,
// in parts that grow by themselves, so that none ever takes long to. It holds no pointers,
// and of an id no more than its hash, which also says where the entry of a slot is to be
// looked for when another example takes it. Which hash an id has is nothing that anybody
// sees: the seed is no state, and keeps producers from choosing ids that collide.
type index struct {
	seed   maphash.Seed
	shift  uint // hash >> shift is the part
	parts  []part
	hashes column.Column[uint32] // by slot; 0 of an example without an id
}

// partSlots is the number of slots that a part is meant for, if the memory is full.
const partSlots = 1 << 11

func newIndex(capacity int) index {
	upper := bits.Len(uint((capacity - 1) / partSlots))
	return index{
		seed: maphash.MakeSeed(), shift: 32 - uint(upper), parts: make([]part, 1<<upper),
		hashes: column.New[uint32](column.LeastPage),
	}
}

// hash returns 0 for the empty id alone.
func (x *index) hash(id string) uint32 {
	if id == "" {
		return 0
	}
	return max(1, uint32(maphash.String(x.seed, id)))
}

// find returns the slot of an id among examples.
func (x *index) find(id string, items *column.Column[*Example]) (int, bool) {
	h := x.hash(id)
	p := &x.parts[h>>x.shift]
	if h == 0 || p.n == 0 {
		return 0, false
	}
	mask := uint32(len(p.entries) - 1)
	for i := h & mask; p.entries[i].hash != 0; i = (i + 1) & mask {
		if e := p.entries[i]; e.hash == h && items.At(int(e.slot)).ID == id {
			return int(e.slot), true
		}
	}
	return 0, false
}

// ask asks for what find reads of an id.
func (x *index) ask(id string) {
	if h := x.hash(id); h != 0 {
		x.parts[h>>x.shift].ask(h)
	}
}

// askSlot asks for what put reads of a slot.
func (x *index) askSlot(slot int) {
	if h := x.hashes.At(slot); h != 0 {
		x.parts[h>>x.shift].ask(h)
	}
}

// push takes in a slot at the end.
func (x *index) push(id string) {
	h, slot := x.hash(id), x.hashes.Len()
	x.hashes.Push(h)
	x.add(h, slot)
}

// put gives a slot another id.
func (x *index) put(slot int, id string) {
	x.drop(x.hashes.At(slot), slot)
	h := x.hash(id)
	x.hashes.Set(slot, h)
	x.add(h, slot)
}

// remove empties a slot, into which the last one moves.
func (x *index) remove(slot int) {
	x.drop(x.hashes.At(slot), slot)
	last := x.hashes.Len() - 1
	if h := x.hashes.At(last); slot != last {
		x.hashes.Set(slot, h)
		if h != 0 {
			p := &x.parts[h>>x.shift]
			p.entries[p.place(h, last)].slot = uint32(slot)
		}
	}
	x.hashes.Pop()
}

func (x *index) add(h uint32, slot int) {
	if h != 0 {
		x.parts[h>>x.shift].add(entry{hash: h, slot: uint32(slot)})
	}
}

func (x *index) drop(h uint32, slot int) {
	if h != 0 {
		p := &x.parts[h>>x.shift]
		p.drop(p.place(h, slot))
	}
}

// part is the entries of some of the hashes, a power of two of places for them.
type part struct {
	entries []entry
	n       int
}

// entry is the hash of an id, and its slot; all zeros where there is none.
type entry struct{ hash, slot uint32 }

func (p *part) add(e entry) {
	if 4*(p.n+1) > 3*len(p.entries) {
		old := p.entries
		p.entries = make([]entry, max(8, 2*len(old)))
		for _, e := range old {
			if e.hash != 0 {
				p.insert(e)
			}
		}
	}
	p.insert(e)
	p.n++
}

func (p *part) insert(e entry) {
	mask := uint32(len(p.entries) - 1)
	i := e.hash & mask
	for p.entries[i].hash != 0 {
		i = (i + 1) & mask
	}
	p.entries[i] = e
}

// ask asks for the place where the entry of a hash stands, or another near by.
func (p *part) ask(h uint32) {
	if n := len(p.entries); n > 0 {
		pixel.Prefetch(&p.entries[h&uint32(n-1)], 1)
	}
}

// place returns where the entry of a slot stands, which there must be.
func (p *part) place(h uint32, slot int) uint32 {
	mask := uint32(len(p.entries) - 1)
	i := h & mask
	for p.entries[i].slot != uint32(slot) || p.entries[i].hash != h {
		i = (i + 1) & mask
	}
	return i
}

// drop removes an entry, and moves those after it that would not be found otherwise.
func (p *part) drop(hole uint32) {
	mask := uint32(len(p.entries) - 1)
	for i := (hole + 1) & mask; p.entries[i].hash != 0; i = (i + 1) & mask {
		if from := p.entries[i].hash; (i-from)&mask >= (i-hole)&mask {
			p.entries[hole] = p.entries[i]
			hole = i
		}
	}
	p.entries[hole] = entry{}
	p.n--
}
