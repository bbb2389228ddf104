// Package state is what a memory held at one time, and its layout in bytes.
//
//	memory ──▶ State ── WriteTo ──▶ a whole             ── Read ──▶ State ──▶ memory
//	             ╰───── Pieces ───▶ a head and its pages ── Join ──▶ ╯
//
// It knows no policy of what to keep: a Form says what the memories of a kind hold beside
// examples. docs/format/replay.md has the layout.
//
// # Invariants
//
//   - A State shares examples and pages with the memory, and never changes.
//   - Equal states have equal bytes, and a state has one encoding.
//   - What Read and Join return fits together: ids and members stand once, an order leads
//     through all of its slots. They allocate no more than a small multiple of what they are
//     given.
//
// # Concurrency
//
// A State may be encoded, and restored from, by any goroutine.
package state
