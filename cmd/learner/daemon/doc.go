// Package daemon runs learners: it drives each model's state machine along its log,
// carries out the effects, and gives the servers what they need.
//
//	           ┌ reader ┐      ┌──────── loop ────────┐
//	log ─scan─▶│ decode │─────▶│ Apply, one goroutine │──publish──▶ channels ─▶ serve
//	           └────────┘      └──┬─────────┬─────────┘      └────▶ distributor ─▶ NATS
//	  ▲  ▲                        │         │ checkpoint
//	  │  └── ticks ◀──────────────┘         ▼
//	  │                                   writer ─▶ store of versions
//	  └── erasures, dead letters ◀─ outbox ◀┘ (waits for the outbox)
//
// # Invariants
//
//   - One goroutine owns a model's state. Nothing that it waits for depends on
//     network or disk, save the snapshot's copy and a full outbox.
//   - A version is made durable only after the dead letters and erasures of the
//     records up to it were.
//   - While records are accepted and versions can be written, the newest record is in a
//     durable version before long: one that fell due while the writer was at work is
//     made up for when the log is exhausted.
//   - A clean stop takes under 5 s: requests, what they brought, last versions, the log.
//   - A learner that was replaced by another stops by itself.
//   - Run returns only when every goroutine that it started has ended.
//
// # Concurrency
//
// Open, Run and Close are for one goroutine; Handler and what it serves for any.
package daemon
