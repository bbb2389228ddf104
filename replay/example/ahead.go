package example

import (
	"unsafe"

	"github.com/perennial-ml/perennial/internal/pixel"
)

// How many examples ahead of the one that is at hand others are asked for: in two steps, as
// what an example points to is only known once it is here itself.
const (
	headsAhead = 6
	// rowsAhead is how far on an example is of which more than the struct is asked for.
	rowsAhead = 2
)

// Prefetch asks for what a batch will read of the examples that come after list[i] soon. Those
// of a memory lie apart, and misses overlap that would stand in a queue otherwise.
func Prefetch(list []*Example, i int) {
	if ex := ahead(list, i); ex != nil {
		pixel.Prefetch(unsafe.SliceData(ex.Packed), len(ex.Packed))
		pixel.Prefetch(unsafe.SliceData(ex.Dense), len(ex.Dense))
		pixel.Prefetch(unsafe.SliceData(ex.Logits), len(ex.Logits))
	}
}

// PrefetchIDs asks for what a search by id will read of the examples that come after list[i] soon.
func PrefetchIDs(list []*Example, i int) {
	if ex := ahead(list, i); ex != nil {
		pixel.Prefetch(unsafe.StringData(ex.ID), len(ex.ID))
	}
}

// ahead asks for an example further on, and returns one that was asked for before; nil beyond
// the end.
func ahead(list []*Example, i int) *Example {
	if at := i + headsAhead; at < len(list) {
		pixel.Prefetch(list[at], 1)
	}
	if at := i + rowsAhead; at < len(list) {
		return list[at]
	}
	return nil
}
