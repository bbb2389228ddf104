// Package measure holds the accuracies that a trial measured along the way, and turns them
// into what the figures of engine/continual are computed from.
//
//	Matrix R[i][j]: accuracy on task j after learning task i ──────▶ continual.Tasks
//	Curve: accuracies on the tasks seen, many times during each task ──▶ continual.Tasks
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
