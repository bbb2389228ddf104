// Package measure computes the figures of continual learning from accuracies that were
// measured along the way. docs/metrics.md has each formula, named after its paper.
//
//	Matrix R[i][j]: accuracy on task j after learning task i ──▶ Figures
//	Curve: accuracies on the tasks seen, many times during each task ──▶ Figures
//
// # Invariants
//
//   - Figures are pure functions of the accuracies. What cannot be computed, such as
//     forgetting over one task, is NaN, never 0.
//
// # Concurrency
//
// Functions of their arguments.
package measure
