package feature

// A Row is one example's features, encoded for a model.
type Row struct {
	// Dense holds the numeric and vector features, standardised, in the
	// dictionary's order.
	Dense []float32
	// Categories holds one bucket per categorical feature, in the dictionary's
	// order, each in [0, buckets of that feature).
	Categories []int32
}
