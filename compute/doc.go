// Package compute runs Gorgonia expression graphs.
//
// A model is described, and differentiated, as a Gorgonia graph; what runs that
// graph is behind Runner, so that the two can change apart from each other.
//
//	models ──▶ *gorgonia.ExprGraph + roots ──▶ Runner ──▶ values of the roots
//
// Tape is the Runner on Gorgonia's own TapeMachine. It interprets the graph node
// by node and always computes the full capacity. It is also the reference that any
// other Runner is compared with.
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
//   - What a node's Value holds after a Run stays there until the next Run.
//
// # Concurrency
//
// A Runner and the graph beneath it belong to one goroutine at a time. Two Runners
// over two graphs are independent, also when they read the same parameters.
package compute
