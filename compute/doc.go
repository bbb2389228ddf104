// Package compute runs Gorgonia expression graphs.
//
// A model is described, and differentiated, as a Gorgonia graph; what runs that
// graph is behind Runner, so that the two can change apart from each other.
//
//	models ──▶ *gorgonia.ExprGraph + roots ──▶ Runner ──▶ values of the roots
//	                                           ├─ Tape      Gorgonia's TapeMachine
//	                                           └─ Sequence  the ops in order, in place
//
// Tape is the reference: whatever else runs a graph is compared with it. It hands
// each run to a goroutine on another thread, which costs more than a small model's
// arithmetic. Sequence calls the same ops in the caller's goroutine and gives the
// same bits. Both compute the full capacity on each run.
//
// The differentiable ops that graphs are made of are in compute/op; the elementary
// functions with one result on every machine are in compute/real.
//
// # Invariants
//
//   - Equal graphs over equal inputs give equal bits, on every run, in every
//     process, for every GOMAXPROCS. Between processor architectures the same
//     holds of compute/real only: on amd64 the matrix kernels use no fused
//     multiply-add, elsewhere the compiler may introduce one.
//   - An output stays as it is until the next Run.
//
// # Concurrency
//
// A Runner and the graph beneath it belong to one goroutine at a time. Two Runners
// over two graphs are independent, also when they read the same parameters.
package compute
