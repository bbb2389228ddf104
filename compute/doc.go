// Package compute runs Gorgonia expression graphs.
//
// A model is described, and differentiated, as a Gorgonia graph; what runs that
// graph is behind Runner, so that the two can change apart from each other.
//
//	models ──▶ *gorgonia.ExprGraph + roots ──▶ Runner ──▶ values of the roots
//	                                           ├─ Plan      kernels over static memory
//	                                           ├─ Sequence  the ops in order, in place
//	                                           └─ Tape      Gorgonia's TapeMachine
//
// Plan is what models use. Compile orders the graph, gives each value a place in one
// arena that values share when they are not needed at once, and binds each node to a
// kernel: vector instructions chosen at run time, see WithKernels. An op without a kernel
// is run by its own Do. Tape is the reference that everything else is compared with, and
// Sequence calls the same ops in the caller's goroutine, with the same bits.
//
// A graph is built for a capacity. A Plan runs any number of rows up to it: the caller
// names the inputs whose leading axis counts rows (WithBatch), and each op says what that
// means for its result. A product x w has the rows of x; xᵀ dz and the sum of columns add
// up rows, and have none; a loss is a scalar. If one op has no rule, as one without a
// kernel never has, the whole graph runs at its capacity. Tape and Sequence always do.
//
// A root that is a sum of outer products over the rows, as the gradient of a matrix is, can
// be left as its two factors (WithProduct), for a caller who needs a few of its rows at a
// time, or only those that differ (Product.Fold): inputs that hold one value in every row, as
// those of an empty margin, have equal rows in it.
//
// Parameters are finite in every run, which the caller can say (WithFinite): an affine map then
// passes over zeros of what it multiplies by them, with the same bits.
//
// The differentiable ops that graphs are made of are in compute/op; the elementary
// functions with one result on every machine are in compute/real. Arithmetic offers the
// kernels outside of graphs, and Single what a graph of a linear model computes for one example.
//
// # Invariants
//
//   - Equal graphs over equal inputs give equal bits, on every run, in every process, for
//     every GOMAXPROCS. Of a Plan that holds for every family of kernels but approx, any
//     number of threads, and any capacity; its nodes without kernels are as their ops are.
//   - A Plan equals a Tape to within rounding: kernels fuse multiplication and addition,
//     and take exponentials and logarithms in float32.
//   - An output stays as it is until the next Run.
//   - A Run of a Plan whose nodes all have kernels allocates nothing.
//
// # Concurrency
//
// A Runner and the graph beneath it belong to one goroutine at a time. Two Runners
// over two graphs are independent, also when they read the same parameters, but for Plans
// that share a Team (WithTeam): these run in turn. The goroutines of a Team end by
// themselves.
package compute
