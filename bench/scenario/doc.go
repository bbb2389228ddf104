// Package scenario turns a data set into what a learner meets: a sequence of tasks, or one
// stream.
//
//	Split ──▶ New(Config, seed) ──▶ Scenario{Tasks: [{Train, Test}, ...]}
//
// Split shows a few classes at a time, permuted and rotated the same classes in another
// guise each time, blurry lets the tasks run into each other, and a stream has one task in
// the order of time. What the classes are to the learner is what the literature calls
// task-, domain- and class-incremental (van de Ven and Tolias, arXiv 1904.07734).
//
// # Invariants
//
//   - A scenario is a function of configuration, data and seed.
//   - No row is in a Train and in a Test; with a validation share, the rows of the data
//     set's own test part are in neither.
//   - Numbers that standardise a table come from its first rows, never from later ones.
//
// # Concurrency
//
// A Scenario is never written to: any number of goroutines may read it.
package scenario
