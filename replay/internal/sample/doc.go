// Package sample draws: without replacement, by weight, and a uniform sample of a stream from
// which examples are taken back.
//
//	total, n ─────▶ Drawer ───▶ n places, each with equal probability, none twice
//	numbers ──────▶ Weights ──▶ a slot, with a probability proportional to its number
//	an arrival ───▶ Uniform ──▶ the slot it takes in a sample of all arrivals, or none
//
// # Invariants
//
//   - A draw is a function of the calls made before it and of the random stream that it brings.
//   - Sums are whole numbers and exact: a draw by weight depends on the numbers alone, and not
//     on the order in which they came.
//
// # Concurrency
//
// Nothing here is safe for concurrent use.
package sample
