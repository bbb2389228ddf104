// Package bench is the room of the suites: programs that run the whole of Perennial
// and report what they measured or proved. Only the binary imports it.
//
//	bench/crash   kills a real learner again and again, and holds what is left
//	              against the log
//	bench/loop    measures the loop: accepted and learned a second, freshness, memory
//	bench/peers   measures models and products beside PyTorch and the TapeMachine
//	bench/online  measures whole runs of online rehearsal beside a plain PyTorch loop
//	bench/plot    draws what was measured, as SVG
//
// and the continual-learning benchmark, which learner bench runs:
//
//	bench/data ─▶ bench/scenario ─▶ bench/trial ─▶ bench/result ─▶ bench/report
//	                  bench/protocol ─┘   └─ bench/measure
//	bench/suites  the suites that ship; bench/campaign runs what one lacks
//
// # Invariants
//
//   - A suite prints what it measured, whatever that is, with the command and the seed
//     that measure it again.
//   - A suite that proves something exits with status 1 where the proof fails.
//
// # Concurrency
//
// Each suite is a program of its own.
package bench
