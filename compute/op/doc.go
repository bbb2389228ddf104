// Package op holds the differentiable operations that models are made of, as Gorgonia
// ops.
//
// Each op fuses what Gorgonia would spread over several nodes, and brings its own
// derivative (gorgonia.SDOp), made of further ops of this package. So a layer is one
// node forwards and four backwards, and a loss is one and one:
//
//	x, w, b ──▶ Affine ──▶ … ──▶ logits ──▶ SoftmaxCrossEntropy ──▶ scalar
//
// Linear is Affine of weights that lie unit by unit. Bags looks ids up in tables; Fold adds up
// neighbours of what it finds, and FactorPairs lets it interact.
//
// Images are rows, too: see Image. Conv2D, MaxPool and MeanPool work on them; LayerNorm,
// Dropout, Concat and Columns on any matrix. Directions is for weights.
//
// Do is an op's definition, which the TapeMachine and Sequence call. A plan binds the op to
// kernels instead, over memory of its own; tests hold the two together.
//
// # Invariants
//
//   - Every sum runs in one fixed order. Equal inputs give equal bits, whatever the
//     number of threads and wherever the inputs lie in memory.
//   - A row of an Affine depends on that row of its input alone, and a row of weight
//     zero changes neither a loss nor a gradient, bit for bit: a batch may be padded.
//   - An op owns the memory of its output and uses it again on each Do, so a step
//     allocates nothing here. An op therefore stands for one node of one graph.
//
// # Concurrency
//
// An op is not safe for concurrent use.
package op
