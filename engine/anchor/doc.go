// Package anchor measures forgetting and transfer on a stream: on examples that are set
// aside, phase by phase, and never learned.
//
//	examples ─▶ Takes? ─▶ phase in progress ── Close ──▶ phases that ended
//	                              │                            │
//	                              └─────── look by look ───────┘
//	                                            │ accuracy of the Learner
//	                                            ▼
//	                               engine/continual ─▶ Report
//
// A look asks the learner about each phase's examples: after so many learned ones, at the
// end of a phase, and in a burst where something may have disturbed what was learned. Whoever
// answers is behind the interface Learner; the formulas are in engine/continual.
//
// # Invariants
//
//   - Which examples are set aside is a function of the seed and of their positions. The
//     owner learns none that Takes takes.
//   - Measuring changes nothing of the learner.
//   - A restored Set goes on, bit for bit, as the original does. What was not measured is
//     absent, never 0.
//
// # Concurrency
//
// A Set belongs to one goroutine. Its parts may be written by another while it goes on.
package anchor
