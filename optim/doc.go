// Package optim turns gradients into steps: optimizers, clipping, schedules and
// penalties against forgetting.
//
// Each of them is a Transform, and Chain composes them:
//
//	gradient ─▶ si | rwalk, ewc, mas, l2, l2sp ─▶ clip ─▶ sgd | adamw | adagrad | ftrl ─▶ schedule ─▶ step
//
// New builds a chain from configuration; Apply subtracts the step from the parameters.
// Pipeline.Step does both, with the same bits, in one pass where it can, and Pipeline.Learn
// computes the gradients as well.
// The equations are in docs/optimizers.md.
//
// # Invariants
//
//   - A step is a function of the state, the gradient and the parameters, bit for bit;
//     each sum runs in one fixed order.
//   - An Update that returns an error leaves state and parameters as they were. After
//     one that does not, the step and the parameters that it leads to are finite.
//   - State followed by Restore, in another process too, changes nothing: the steps
//     that follow are the same bits.
//   - Update, Step and Learn allocate nothing.
//
// # Concurrency
//
// A Transform is not safe for concurrent use. Learn shares what is large among the threads
// of the model.
package optim
