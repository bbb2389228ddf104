// Package column holds values by slot in pages that are shared until they change.
//
//	Column ── Freeze ──▶ Column of a state ── Pages, Seal ──▶ blobs, by digest
//	   ▲                       │
//	   ╰──────── Thaw ◀────────╯
//
// To freeze a column costs what the list of its pages costs, and a page of which no slot
// changed is the same blob, known by the same seal, from one state to the next.
//
// # Invariants
//
//   - All pages but the last are full, and of one length, a power of two.
//   - A page that has a seal is shared, and never changes; whoever changes a slot of it copies
//     the page first.
//
// # Concurrency
//
// A Column is not safe for concurrent use. One that Freeze returned may be read by any
// goroutine as long as nobody changes it.
package column
