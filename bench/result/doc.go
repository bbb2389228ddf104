// Package result keeps what suites measured: one file of JSON lines a suite, one line a
// finished run.
//
//	trial ──▶ Run ──▶ Store.Append ──▶ SUITE.jsonl ──▶ Read ──▶ tables and plots
//
// # Invariants
//
//   - A run is in the file whole, or not at all: a line is written with one call and
//     synced, and a last line that was torn is cut off before the next is appended.
//   - A run says what it takes to measure it again: suite and digest, method, seed,
//     commit, command and machine.
//   - One process at a time writes a file.
//
// # Concurrency
//
// A Store may be appended to by several goroutines.
package result
