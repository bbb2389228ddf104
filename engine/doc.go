// Package engine turns the feedback log into model versions.
//
// The engine is a deterministic state machine: Apply advances it by one record,
// Snapshot writes it down, Restore brings it back. It reads no clock and starts no
// goroutine.
//
//	             front                              arm (one or more)
//	record ─▶ seen ─▶ signal ─▶ pending ─┬─▶ score ─▶ rehearse ─▶ gradients ─▶ optim
//	         (again?)  (join)   (batch)  │                                       │
//	                                     └─▶ score stable ─▶ guard ◀─────────────┘
//	                                                           │
//	effects ◀── publish · channel · checkpoint · dead letter · erase
//
// Here are the order of the records, what was seen, what waits, who is scored and what is
// published. How signals become examples is in engine/signal, what learns them in engine/arm,
// what is set aside to measure forgetting in engine/anchor, and how a state is cut into parts
// in engine/part.
//
// Effects are what the world must be told. Each may be carried out again after a
// crash: they name positions and versions, and doing one twice is doing it once.
//
// # Invariants
//
//   - After record n the state is a function of the Config and records 1..n, bit for
//     bit. Positions may have gaps; log time never runs backwards.
//   - A record that may not stay in the log leaves no trace: the state is the same
//     before and after its erasure.
//   - Apply either advances the state and returns its effects, or returns an error
//     and leaves the state as it was.
//   - Each example is scored before it is learned, by every arm and by stable, and
//     learned at most once.
//   - A step whose loss or gradient is not finite moves no weight. The examples that
//     are to blame leave the memory, and the rest makes the step.
//
// # Concurrency
//
// An Engine belongs to one goroutine. The parts of a Snapshot may be written by
// another goroutine while the Engine goes on.
package engine
