// Package machine puts one model's log, store of versions and state machine together,
// without a goroutine of its own: the daemon drives it record by record, and the
// command line scans it to a position.
//
//	ledger.Raw ─▶ Decode ─▶ engine.Record ─▶ Engine.Apply ─▶ effects (the caller's)
//	                                             │
//	     checkpoint.Store ◀── Blobs, Manifest ───┘
//	            └── Restore ──▶ Engine
//
// # Invariants
//
//   - Restore leaves the engine at a durable version that belongs to this log and this
//     configuration, or before the first record; it never guesses.
//   - Decode is a pure function of the record and the configuration.
//   - Weights that a rollback record names are those of its digest: from the store, or
//     computed from the log if the store has lost them.
//   - A version that a rollback record names stays in the store while a scan from a
//     version that retention keeps would meet the record.
//
// # Concurrency
//
// A Machine belongs to one goroutine, save for Decode, which any goroutine may call,
// Store, which is safe for concurrent use, and the calls about controls (Decide, Hold,
// LetGo), which touch nothing but the Store.
package machine
