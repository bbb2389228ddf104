// Package batch lays examples out as the rows that a model reads.
//
//	example ─▶ Add ──▶ features, target, weight ─┐
//	           Teach ▶ stored logits             ├─▶ models.Batch
//	segment ─▶ Masks ▶ classes that compete ─────┘
//
// Targets are laid out here alone: a class as a one-hot row, a complementary label as the
// uniform distribution over the other classes. So are heads: which classes compete for the
// examples of a segment.
//
// # Invariants
//
//   - A row is a function of the example and of the spec. Rows stand in the order in which
//     they were added.
//   - Weights are normalised by a sum in the order of the rows, in float64.
//   - Laying out allocates nothing while the rows are within the capacity.
//   - An example that Check passes can be laid out.
//
// # Concurrency
//
// A Batch belongs to one goroutine. Masks and Heads are never changed.
package batch
