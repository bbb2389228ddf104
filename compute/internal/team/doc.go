// Package team divides work among threads that are at hand when it comes in quick
// succession, and not there at all when there is none.
//
//	caller  ──▶ round 7: part 0 ─┐           ┌─▶ round 8: part 0 …
//	helper  ··· round 7: part 1 ─┴▶ looks out ┴─▶ round 8: part 1 …  ends after a while
//
// Sleeping threads are slow to come: waking one takes some 50 µs, and on a virtual machine
// Linux tends to wake it on the processor of the caller, where the two take turns until the
// scheduler parts them, many milliseconds later. So helpers look out for the next round for
// as long as a step's undivided work between two of them takes, and one that finds itself on
// the caller's processor moves to another.
//
// # Invariants
//
//   - Each part of a round is done once. By whom is left to chance, so no result may depend
//     on it.
//   - The caller waits for no part that has not begun: where helpers are kept from running,
//     it does their parts. More threads than processors cost little more than one thread.
//   - A helper without work ends within lookout; nothing has to be closed.
//   - Do allocates nothing, but for what starting a goroutine may.
//
// # Concurrency
//
// Do is for one goroutine at a time.
package team
