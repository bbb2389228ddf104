// Package traffic feeds a learner that is killed again and again: clients that predict
// and give feedback over HTTP, an operator who pins and rolls back, and a careless
// producer that writes into the log beside the server.
//
//	clients ──POST infer, feedback──▶ learner      each request is sent again, with the
//	operator ──POST control────────▶    ▲          same ids, until it is acknowledged
//	producer ──NATS publish─────────────┘
//	    └── what was acknowledged ──▶ Book ──▶ audit
//
// What a client sends is drawn from its own seeded stream: which signals, which
// duplicates (in the same batch, in later ones, long after), which orders, which
// invalid events. When it is sent depends on when the learner lives.
//
// # Invariants
//
//   - A request is given up only by the end of the run, never for an error.
//   - The Book holds an id as acknowledged only if the learner said so.
//
// # Concurrency
//
// Traffic and Book are safe for concurrent use. Run starts the goroutines and returns
// when all have ended.
package traffic
