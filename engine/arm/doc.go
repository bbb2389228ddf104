// Package arm is one learner behind the engine's front: a model with an optimizer, a
// rehearsal memory and a loss of its own.
//
//	                     ┌──────────── memory ◀──────────────┐
//	                     ▼ draw                              │ offer
//	new examples ─▶ portions ─▶ rows ─▶ gradients ─▶ optimizer ─▶ weights
//	                             ▲          │ projection
//	                          teacher       └─▶ bounded by the past
//
//	phase ends ─▶ evidence ─▶ importances · teacher := weights · optimizer afresh
//
// A step learns new examples beside rehearsed ones; each portion has a role in the loss. A
// judge tells the memory what the model makes of examples, where its kind asks. When a phase
// of learning ends, after so many examples, at a drift or where the log says so, evidence
// tells the penalties which parameters mattered.
//
// # Invariants
//
//   - An arm is a function of its Config, its Front and of the calls made on it, bit for bit.
//     Its randomness is drawn by seed, name and position; no random state is kept.
//   - Every arm of a Front begins with the same weights.
//   - A step whose loss or gradient is not finite moves no weight. The examples that alone
//     are to blame leave the memory, and the rest makes the step.
//   - An arm that Restore and SetState brought back goes on as the original does.
//
// # Concurrency
//
// An Arm belongs to one goroutine. Frozen weights and the parts of a state may be read by
// another while it goes on.
package arm
