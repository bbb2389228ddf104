// Package campaign runs the trials of a suite that its results do not have yet, several at
// a time.
//
//	methods × seeds − results ──▶ workers ──▶ Trial.Run ──▶ Store.Append
//
// # Invariants
//
//   - A run that is in the results is not run again; one that was interrupted leaves
//     nothing there.
//   - Trials share nothing that one of them writes to, so their number at a time decides
//     no figure but the time they take.
//   - The first error ends the campaign; what finished before it stays.
//
// # Concurrency
//
// Run starts its workers and returns when they ended. Its callbacks are called by one
// goroutine at a time.
package campaign
