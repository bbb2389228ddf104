//go:build !race

package blas_test

const poolsDrop = false
