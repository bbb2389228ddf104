// Package ask is the patience that a client has with its broker: how long it waits for an
// answer, how long it pauses, and which questions it puts again.
//
// # Invariants
//
//   - A question is put again only where no answer came, and nothing it asks may change
//     anything.
//   - No wait outlasts its context.
//
// # Concurrency
//
// It holds no state.
package ask
