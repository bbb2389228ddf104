// Package failpoint lets a test harness break a program at named places.
//
// Code around a durable step asks its Set at each place; outside a crash test the
// Set is nil, and asking costs one comparison.
//
//	spec ──Parse──▶ *Set ──▶ Hit("checkpoint.before-rename") ──▶ nothing | crash | exit | error | sleep | hold
//
// Each room that has such places exports a function Failpoints that lists their names, so
// that a harness can enumerate them; a name that a spec mentions and no room has is never hit.
//
// # Invariants
//
//   - A nil *Set is valid and does nothing.
//   - An action fires at one hit, the n-th, and never again in that process.
//
// # Concurrency
//
// A Set is safe for concurrent use: hits are counted atomically, in one total order
// for each name.
package failpoint
