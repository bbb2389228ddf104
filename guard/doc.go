// Package guard holds evidence against rules and gives verdicts: whether a candidate
// may take stable's place.
//
// The engine shows a Policy what it measured, and does what the verdict says. This
// package measures nothing itself and keeps nothing. Tolerance is the plain rule; drift,
// poisoning, fairness and experiments with anytime-valid tests are further policies
// behind the same interface.
//
//	engine ──Evidence──▶ Policy ──Verdict──▶ engine ──▶ promote, hold, reject, roll back
//
// # Invariants
//
//   - A Policy is a pure function: equal evidence, equal verdict.
//   - A verdict carries its reason in words.
//   - Nothing promotes over a person's pin.
//
// # Concurrency
//
// Policies hold no state and may be used from several goroutines.
package guard
