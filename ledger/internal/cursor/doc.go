// Package cursor reads a stream in order, whatever becomes of the connection, of the
// server that leads it, or of the consumer.
//
//	stream ──consumer, numbered deliveries──▶ Cursor ──Next──▶ follows without end
//	   ▲                                       │   └────Visit──▶ up to a sequence
//	   └── made anew after the last right one ◀┘ lost, or silent for too long
//
// It knows sequences and messages, and nothing of what they mean.
//
// # Invariants
//
//   - Every message that exists after the start, and matches the filter, is delivered
//     once, in the order of sequences.
//   - What is held ahead of the reader never exceeds two pulls.
//   - A consumer that several cursors name has one owner; who lost it finds out by
//     ErrReplaced, and leaves the owner's alone.
//
// # Concurrency
//
// A Cursor belongs to one goroutine. Several may read one stream, over one connection.
package cursor
