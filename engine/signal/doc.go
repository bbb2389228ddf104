// Package signal turns predictions, and what people said and did about them, into
// weighted examples.
//
//	prediction ─▶ Window ──────────┐ attribution window, in log time
//	feedback ──▶ vote ──▶ join by ─┴─▶ settle ─▶ resolve ─▶ Resolution
//	                      prediction id           (one example, one weight)
//	amend · withdraw · expire ──────────────────▶ revise or retract
//
// A vote is one signal read as a target and a weight: the declared reliability of
// its kind times the confidence given beside it. Votes on one prediction resolve to
// one example: the most reliable vote gives the target, and the others lower the
// weight by as much as they contradict it.
//
// # Invariants
//
//   - A Window is a function of its configuration and of the calls made on it; it
//     reads no clock and depends on no map order.
//   - Each signal ends in exactly one place: joined, or counted by the reason why
//     it could not be.
//   - Memory is bounded by Join.MaxPredictions, MaxOrphans and MaxBytes; the oldest
//     prediction leaves first, and one that already has a signal resolves before it
//     leaves.
//   - A person's consent to be measured only never lets their signal be learned.
//
// # Concurrency
//
// A Window belongs to one goroutine. A State taken from it may be encoded by another
// while the Window goes on.
package signal
