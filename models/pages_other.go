//go:build !linux

package models

// newTable returns n zeros.
func newTable(n int) []float32 { return make([]float32, n) }
