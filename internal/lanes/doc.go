// Package lanes has arithmetic in float64 over vectors of float32: inner products and distances,
// which are summed in one order on every machine, and what goes element by element.
//
//	element i ──▶ lane i mod 8, each in order ──▶ ((0+4)+(2+6)) + ((1+5)+(3+7))
//
// Each difference, product and sum is rounded by itself, and to float32 where it is stored as one.
// Products of two float32 are exact in float64, so that a fused multiplication and addition
// rounds as the two do. Lanes begin at +0 and therefore never hold -0: what stands for elements
// beyond the end adds +0, which changes nothing.
//
// # Invariants
//
//   - Equal arguments give equal bits in all families.
//   - Nothing is allocated.
//
// # Concurrency
//
// A Set has no state: any number of goroutines may use it.
package lanes
