// Package ui is how the learner command speaks to a person: tables, progress,
// small plots and numbers that can be read at a glance, or JSON where a program
// reads instead.
//
// # Invariants
//
//   - Nothing moves or overwrites itself unless the writer is a terminal.
//   - Output depends on the arguments alone, and on the time only for progress.
//   - No text that comes from data reaches a terminal with control characters in it.
//
// # Concurrency
//
// A Progress may be advanced from several goroutines. Everything else belongs to
// one goroutine at a time.
package ui
