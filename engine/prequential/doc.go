// Package prequential scores predictions on examples before anything learns from them
// (Dawid, "Statistical theory: the prequential approach", 1984): over the last examples,
// with fading memory (Gama, Sebastião and Rodrigues, "On evaluating stream learning
// algorithms", 2013), and by segment. docs/metrics.md has the formulas.
//
//	prediction, target ──▶ Meter.Add ──▶ window ──────────┐
//	                           ├──▶ segments' windows ────┤──▶ Report
//	                           └──▶ fading sums ──────────┘
//
// # Invariants
//
//   - A window keeps its examples, not their sums: a Report adds them up, from the oldest
//     to the newest. Nothing drifts, however long the stream.
//   - A restored Meter or Paired reports, for ever after, the bits that the original does,
//     and equal ones give equal bytes.
//   - Adding allocates only while a window grows, or a segment is new.
//   - No score is NaN or infinite: one that the task or the examples do not define is absent.
//
// # Concurrency
//
// A Meter and a Paired are not safe for concurrent use. A Report shares nothing with them.
package prequential
