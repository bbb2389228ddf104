// Package trial runs one method of a suite under one seed.
//
//	examples ──▶ feedback records ──▶ engine.Apply ──▶ Publish ──▶ Predictor ──▶ accuracy
//
// The learner is the daemon's: what it learns it is told by records of the log, and what
// it can it shows through the weights that it publishes, on rows that it is never told.
// Rows that come again come as new events.
//
// # Invariants
//
//   - An outcome, its times aside, is a function of suite, method, data and seed, bit for
//     bit.
//   - No test row is ever in a record.
//
// # Concurrency
//
// A Trial belongs to one goroutine; several may share data and suite.
package trial
