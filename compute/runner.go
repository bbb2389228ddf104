package compute

import (
	"errors"

	"gorgonia.org/gorgonia"
)

// Errors that Runners and their constructors wrap.
var (
	ErrGraph = errors.New("compute: graph cannot be run")
	ErrRows  = errors.New("compute: rows out of range")
)

// A Runner evaluates the roots of one graph. Inputs are the tensors that were bound to
// the graph's input nodes (gorgonia.Let, WithValue) when the Runner was made: the caller
// writes into their memory, and calls Run.
type Runner interface {
	// Run evaluates every root for the first rows rows of the inputs, between 1 and
	// the capacity that the Runner was made for, or returns ErrRows. It may evaluate
	// more rows than asked for, so the caller keeps the remaining ones harmless:
	// finite, and of weight zero where there are weights. Any other error leaves the
	// outputs undefined.
	Run(rows int) error
	// Output returns the value of the i-th root after a Run. Its memory belongs to the
	// Runner and holds until the next Run.
	Output(i int) gorgonia.Value
}
