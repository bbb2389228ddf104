// Package report writes what a suite's runs amount to: a Markdown table beside the
// published figures, and plots.
//
//	[]Run ──▶ rows, a method each ──▶ SUITE.md, SUITE-*.svg
//
// # Invariants
//
//   - Only runs of the suite's present protocol are counted; the rest is said to be left
//     out.
//   - A row says over how many seeds it is, whatever their number. A method without a run
//     has a row, too, that says so.
//   - Equal runs give equal bytes.
//
// # Concurrency
//
// Functions of their arguments.
package report
