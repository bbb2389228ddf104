// Package commit stores messages in a stream in groups, so that many callers share the
// broker's syncs.
//
//	Append ──▶ queue ──▶ Run ──launch──▶ an atomic batch, or a few singly ──▶ stream
//	  ▲      (bounded)    │                                                    │
//	  └──── receipts ◀── land ◀── answers ◀────────────────────────────────────┘
//	                       └ which ids are known, where the batch had one: left out
//
// It knows messages, ids and sequences, and nothing of what is stored.
//
// # Invariants
//
//   - When Append returns a receipt without an error, its message is on disk.
//   - Of the messages of one Append call, and of calls that follow one another, those that
//     were stored are stored in that order.
//   - An id that the broker remembers is stored once, whoever repeats it.
//   - One message that the broker refuses does not sink the others of its batch.
//   - The memory that waits for a commit never exceeds Config.QueueBytes.
//
// # Concurrency
//
// Append is safe for concurrent use. One goroutine, Run, alone sends and reads answers;
// what a request holds is its own until it closes the request's done.
package commit
