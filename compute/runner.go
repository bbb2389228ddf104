package compute

// A Runner evaluates the roots of one graph. Inputs are the tensors bound to the
// graph's input nodes when the Runner was made: the caller writes into their memory
// and calls Run; results are the values of the root nodes.
type Runner interface {
	// Run evaluates every root for the first rows rows of the inputs, between 1
	// and Capacity. It may evaluate more rows than asked for, so the caller keeps
	// the remaining ones harmless: finite, and of weight zero where there are
	// weights. An error leaves the values of the roots undefined.
	Run(rows int) error
	// Capacity is the largest number of rows that Run accepts.
	Capacity() int
	// Close releases what the Runner holds. It is not used afterwards.
	Close() error
}
