package feature

// A Row is one example's features, encoded for a model.
type Row struct {
	// Dense holds the numeric and vector features, standardised, in the
	// dictionary's order.
	Dense []float32
	// Categories holds one bucket per categorical feature, in the dictionary's
	// order, each in [0, buckets of that feature). A feature that is an array has as many
	// places as it may have values, the last of which hold NoCategory if there are fewer.
	Categories []int32
}

// NoCategory stands in an array's place for no value.
const NoCategory = -1
