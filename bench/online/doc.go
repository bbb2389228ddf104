// Command online measures whole runs of online rehearsal beside a plain PyTorch loop of
// the same arithmetic: the first row of protocol D (rehearsal from a class-balanced memory
// of 1,000, batches of 10), and DER++ with 500 of protocol C.
//
//	suite ─┬─ ours   records through engine.Apply, as learner bench run does
//	       └─ rival  loop.py, a process: tensors made beforehand, one thread
//	          └─ in turn, several times ─▶ medians, ratio against the aim
//
// Both sides learn the same number of rows of MNIST, cut short by -rows. Neither the
// reading of the data nor the scoring of test rows is counted; what the engine does beside
// the arithmetic is: events, joins, ids, and making each row from its pixels. Seconds are
// of the wall and of the processor; where other programs run, the latter are the ones to
// go by. Ours passes over inputs that are 0, as most pixels are; -dense takes them away.
//
// Beside it lie sources.py, plain loops of what published programs compute, by which
// docs/results/README.md tells where a figure that differs comes from, and members.py, which
// compares ensembles of networks with what was built in their place (docs/adr/0014).
//
// # Invariants
//
//   - What was measured is printed, whichever side it favours.
//
// # Concurrency
//
// One side runs at a time, on one thread.
package main
