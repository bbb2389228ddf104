// Package natstest runs NATS servers in a test's process, as operators run them beside a
// learner: alone, in a cluster, behind TLS, or with accounts that an operator signs.
//
//	Authority ──certificates──▶ Server ◀──accounts── Operator
//	    └──files──▶ client (log.tls, log.credentials) ◀──file──┘
//
// # Invariants
//
//   - Whatever a helper makes lies in the test's temporary folder and listens on
//     127.0.0.1, at a port that the system picks, or Address.
//   - What is signed is valid for a day from now, so that no test grows old.
//
// # Concurrency
//
// Everything belongs to the test's goroutine.
package natstest
