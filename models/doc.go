// Package models holds the architectures that Perennial learns, as Gorgonia graphs,
// with their parameters, heads and losses.
//
//	Spec ──▶ Registry ──▶ Architecture ──▶ graph ──▶ compute.Plan
//	                                                    │
//	Batch ──▶ Model.Gradients ──▶ loss, Grads ──▶ optim ──▶ Params
//	Batch ──▶ Predictor.Predict ──▶ probabilities or values
//
// A Model learns; a Predictor only predicts, and builds no gradient graph. Both
// compile one graph for their capacity when a batch first needs it, which runs batches of
// every size. Where an op has no rule for rows (see compute.Plan.Partial), they compile
// graphs for 1, 2, 4, ... rows instead, and fill a batch up with rows of zeros and weight
// zero.
//
// The gradients of a SparseLinear for one example take less than a walk through its graph, and have
// a way of their own (compute.Single), with the graph's bits.
//
// A kind with tables (see Embedding) looks categories up, and its gradients list the rows of
// a table that a batch touched; the gradients of other parameters are whole.
//
// Weights are copied, kept and sent in chunks of leading rows: a Dirty records which of
// them were written to, and a Frozen is a copy that shares the others with the copy before
// it.
//
// # Invariants
//
//   - Equal specs, parameters and batches give equal bits: on every run, in every
//     process, for every GOMAXPROCS. (Between processor architectures, see compute.)
//   - A prediction depends on its row alone: bit for bit the same by itself, among
//     neighbours, and in a filled-up batch. A loss and its gradients likewise do not
//     depend on the capacity, nor on rows of weight zero.
//   - Nothing that is not finite leaves Gradients or Predict without ErrNonFinite, and
//     neither of them ever changes the parameters.
//   - A Frozen never changes, and how tensors fall into chunks is a function of their shapes.
//
// # Concurrency
//
// A Model, a Predictor or a Dirty is not safe for concurrent use. Two of them are
// independent. A Frozen may be read by any goroutine.
package models
