// Package ledger is the log: one totally ordered, durable stream of records for each
// model, kept by NATS JetStream, embedded in the process or outside it.
//
//	Append ──▶ queue ──▶ committer ──atomic batches, in order──▶ stream PERENNIAL_<model>
//	  ▲      (bounded)       │                                          │      │
//	  └──── receipts ◀── on disk                                    Scan│      │Range
//	                                                                    ▼      ▼
//	                     stream PERENNIAL_<model>_DEAD ◀─ DeadLetter ─ reader, in order
//
// This package owns what the log means: its names, records and positions, what Open
// creates and refuses, Check, dead letters and erasure. How messages move is below it, in
// packages that know nothing of that and, ask aside, nothing of each other:
//
//	ledger ─┬─▶ internal/embedded   the server in this process
//	        ├─▶ internal/access     who is who, with a server outside
//	        ├─▶ internal/commit ─┬─▶ internal/ask   patience with a broker
//	        └─▶ internal/cursor ─┘
//
// A Position is a record's stream sequence. Positions only grow; an erased record
// leaves a gap, and gaps are legal everywhere. Positions mean nothing in another
// stream, so a checkpoint carries the stream's ID beside its position, and Check
// refuses a log that is not the one, or not all of the one, that it was written from.
//
// # Invariants
//
//   - When Append returns a receipt without an error, its event is on disk.
//   - Of the events of one Append call, and of calls that follow one another, those
//     that were stored are stored in that order.
//   - An event id within the duplicate window is stored once, whoever repeats it; save
//     that a broker which restarts after the log's last record was erased has forgotten
//     the ids (nats-server 2.15). The learner's state drops what repeats an id then.
//   - Scan and Range deliver every record that exists at or after their start, once, in
//     the order of positions; where the broker delivers otherwise they begin anew after
//     the last record that was right.
//   - A batch is stored whole, or up to some event of it where power was lost before
//     its writer was told anything: see internal/embedded.
//   - The memory that waits for a commit never exceeds Config.QueueBytes, and what a
//     scan holds ahead of its reader never exceeds two pulls.
//
// # Concurrency
//
// A Broker and a Log are safe for concurrent use. Each Log runs one goroutine, the
// committer, which alone writes events. A Scan belongs to one goroutine; several Ranges
// may run at once.
package ledger
