// Package store holds examples in slots, for memories to say which: by id, by age, by class or
// segment, and never more than they may.
//
//	            Store: slots 0..n-1 and the index of their ids
//	           ╱     ╲
//	Ring: slots       Groups: slots are members of groups,
//	linked by age     each with a ticket in its own
//
// A store decides nothing by itself about what to keep. Groups know the moves that the kinds
// of memories have in common: to insert, to overwrite, to evict, to draw evenly from each.
//
// # Invariants
//
//   - Slots are dense: removing one moves the last into it. Every operation on one takes
//     constant time, but for that of members in order of age, where neighbours close ranks.
//   - An id is in one slot. Examples without an id are in no index.
//   - Groups stand in the order of their first arrival and never go away.
//   - What is held follows from the calls alone. The index has a seed of its own, and an order
//     that nobody sees.
//   - A row is written over only if the store packed it and nobody else can know it: each way
//     for an example to leave is Lend, Release, Freeze or Sweep, which the loans keep account of.
//
// # Concurrency
//
// Nothing here is safe for concurrent use. What Freeze gives of a column is a state's, and
// stays as it is.
package store
