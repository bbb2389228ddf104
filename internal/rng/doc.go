// Package rng gives random streams that are a function of a seed, a stream's name and
// a position, so that a state machine needs to keep no random state.
//
// The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011): a keyed bijection of a counter. The key is
// derived from the seed and the stream's name; the upper half of the counter is the
// position, and the lower half counts the blocks drawn.
//
// # Invariants
//
//   - Equal (seed, stream, position) give equal draws, on every machine.
//   - Streams of one name do not overlap; those of two names do only if their 64-bit
//     keys happen to be equal.
//
// # Concurrency
//
// A Source belongs to one goroutine.
package rng
