// Package oracle says, from a log alone, what a learner should have counted.
//
//	record ─▶ decode ─▶ first of its id? ─▶ join by prediction ─▶ vote ─▶ batch ─▶ Counts
//
// It is a second implementation of the engine's front, written from the documents
// (docs/signals.md, docs/format/events.md) and sharing no code with it: encoding/json
// instead of the scanner, plain maps instead of queues with bounds, no weights and no
// models. Where engine and oracle count differently, one of them is wrong.
//
// # Invariants
//
//   - Counts are a function of the Config and of the records applied.
//   - Nothing of feedback, engine or engine/signal is imported.
//
// # Concurrency
//
// An Oracle belongs to one goroutine.
package oracle
