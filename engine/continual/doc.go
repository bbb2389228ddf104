// Package continual computes the figures of continual learning from accuracies that are
// measured along the way. docs/metrics.md has each formula, named after its paper.
//
//	looks at each task, before, while and after it is learned ──▶ Tasks ──▶ figures
//
// A benchmark fills Tasks from a matrix of accuracies, a learner on a stream from looks at
// the phases of what it learned. Both have their figures from here.
//
// # Invariants
//
//   - Figures are pure functions of the accuracies. What was not measured is NaN, never 0,
//     and so is what cannot be computed, such as forgetting over one task.
//
// # Concurrency
//
// Values of their owner.
package continual
