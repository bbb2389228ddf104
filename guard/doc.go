// Package guard holds evidence against rules and gives verdicts: whether a candidate
// may take stable's place, and whether a stream has drifted.
//
// The engine shows a Policy what it measured, and does what the verdict says. This
// package measures nothing itself. Tolerance is the plain rule; poisoning, fairness and
// experiments with anytime-valid tests are further policies behind the same interface.
// A Drift is shown one value after the other and says when their mean has risen, with a
// stated rate of false alarms.
//
//	engine ──Evidence──▶ Policy ──Verdict──▶ engine ──▶ promote, hold, reject, roll back
//
// # Invariants
//
//   - A Policy is a pure function: equal evidence, equal verdict. A Drift is a function of
//     the values that it was shown.
//   - A verdict carries its reason in words.
//   - Nothing promotes over a person's pin.
//
// # Concurrency
//
// Policies hold no state and may be used from several goroutines. A Drift holds some and
// may not.
package guard
