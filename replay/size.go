package replay

import (
	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// What the parts of a memory take, in bytes, as Bytes counts them.
const (
	// exampleBytes stands for the struct itself, with its headers of strings and
	// slices.
	exampleBytes = 208
	// slotBytes stands for a slot and its entry in the index.
	slotBytes = 28
	// memberBytes stands for a slot's home, place and membership.
	memberBytes = 14
	// groupBytes stands for a group and its entry in the index.
	groupBytes = 200
	// linkBytes is what the two links of a slot take.
	linkBytes = 8
)

// bytes estimates the example's own memory. Interned strings count each time.
func (ex *Example) bytes() int {
	return exampleBytes + len(ex.ID) + len(ex.Subject) + len(ex.Segment) +
		block(len(ex.Packed)) + block(4*len(ex.Dense)) + block(4*len(ex.Categories)) + block(4*len(ex.Logits))
}

// block is what an array of n bytes takes: allocations come in sizes, some ten percent apart
// from 128 bytes on, and every 16 below.
func block(n int) int {
	if n <= 128 {
		return (n + 15) &^ 15
	}
	return n + n/20
}

// size returns the bytes of the examples and of their slots.
func (s *store) size() int { return s.bytes + slotBytes*s.items.Len() }

// Bytes implements Memory.
func (g *groups) Bytes() int { return g.size() + g.slotCost*g.items.Len() + g.groupCost*len(g.list) }

// room reports whether a memory that is so large has room for one example more.
func (c Config) room(n, bytes, more int) bool {
	return n < c.Capacity && (c.MaxBytes == 0 || int64(bytes)+int64(more) <= c.MaxBytes)
}

// places returns the number of places of a sample that is so large, for an arrival of so many
// bytes.
func (c Config) places(s *sample.Uniform, size, bytes, more int) int {
	if c.MaxBytes == 0 {
		return c.Capacity
	}
	return s.Places(size, c.Capacity, c.room(size, bytes, more))
}

// exceeds reports whether a memory is larger than it may be.
func (c Config) exceeds(bytes int) bool { return c.MaxBytes > 0 && int64(bytes) > c.MaxBytes }

// cost is what an example takes in a slot, before it is packed.
func (g *groups) cost(ex *Example) int { return ex.bytes() + slotBytes + g.slotCost }

// room reports whether an example can be held beside all the others.
func (g *groups) room(ex *Example) bool { return g.cfg.room(g.items.Len(), g.Bytes(), g.cost(ex)) }

// oversized reports whether an example is too large to be held by itself.
func (g *groups) oversized(ex *Example) bool {
	return g.cfg.MaxBytes > 0 && g.cfg.exceeds(g.cost(ex)+g.groupCost*(len(g.list)+1))
}
