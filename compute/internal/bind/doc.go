// Package bind is the contract between a plan and the ops that have kernels: what an op
// is given when it is bound, and what it gives back.
//
// # Invariants
//
//   - A Task writes to its result alone, and each of its parts to another piece of it.
//   - The bits of a row of the result depend on no other row, on neither the capacity nor
//     the number of parts.
//
// # Concurrency
//
// The parts of one Task may run at the same time; Tasks of one plan run one after another.
package bind
