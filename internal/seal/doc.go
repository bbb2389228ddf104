// Package seal remembers the digests of bytes that never change, so that whoever has
// written them once need neither encode nor hash them again.
//
// # Invariants
//
//   - A digest is that of the whole encoding: a write that failed leaves none.
//
// # Concurrency
//
// A Seal may be used by several goroutines.
package seal
