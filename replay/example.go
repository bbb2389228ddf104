package replay

import (
	"github.com/perennial-ml/perennial/replay/example"
)

// An Example is one weighted training example. It is immutable once it was added to a memory:
// memories, micro-batches and snapshots share it by pointer. Its fields are in package
// replay/example.
type Example = example.Example

// PackTolerance is how far a feature may be from k/255 to be held as the byte k. It covers
// six decimals; a producer that sends float32 or more digits is off by nothing.
const PackTolerance = example.Tolerance

// An Unpacker gives dense features back as numbers.
type Unpacker = example.Unpacker

// NewUnpacker returns an Unpacker.
func NewUnpacker() *Unpacker { return example.NewUnpacker() }

// Prefetch asks for what an Unpacker will read of the examples that come after list[i] soon.
// Those of a memory lie apart, and misses overlap that would stand in a queue otherwise.
func Prefetch(list []*Example, i int) { example.Prefetch(list, i) }
