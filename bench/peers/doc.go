// Command peers measures training, prediction and products beside PyTorch on the same
// processor, and beside Gorgonia's TapeMachine in the same process.
//
//	workload ─┬─ ours   models.Model + optim.Pipeline.Step, as the engine does
//	          ├─ rival  worker.py, a process; the best of fresh instances
//	          └─ peak   multiply-adds on registers alone
//	             └─ in turn, a slice each ─▶ medians, ratio against the aim, share of the limit
//
// Slices of some milliseconds alternate, so that whatever else the machine does meets all
// sides alike: the ratio is the median over neighbouring slices. A peer's instances differ,
// by where the allocator put them: several are tried, in each way in which a user may set
// the workload up, and the fastest one is the rival. Ours has one instance for each of
// theirs, and no choice among them. Beside that ratio stand the one by processor time, which
// leaves out waiting for a processor, and the one of the fastest slices, which leaves out the
// most that a busy machine does to both; short slices are the more likely to be undisturbed.
//
// Next to each figure stands what the hardware allows: the floating point operations that
// the workload cannot do without over the measured peak, or the bytes over the bandwidth
// measured for as much memory as it has, whichever is less.
//
// # Concurrency
//
// One side runs at a time. Workers wait on their standard input meanwhile.
package main
