//go:build race

package blas_test

// The race detector makes a sync.Pool drop what it is given at random.
const poolsDrop = true
