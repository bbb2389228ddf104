// Package stock gives kernels to the ops that Gorgonia brings: elementwise arithmetic,
// comparisons and functions, matrix products, sums, softmax, and what moves elements
// (repeat, transpose, reshape, concat, slice), all on float32.
//
// Gorgonia does not export these ops, so that they are told by the name of their type and
// by what they print; what is not recognised for certain has no kernel.
//
// # Invariants
//
//   - A kernel computes what the op's own Do computes, to within rounding.
//
// # Concurrency
//
// All functions are pure.
package stock
