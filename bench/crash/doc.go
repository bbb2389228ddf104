// Command crash proves that a learner loses nothing and learns nothing twice, however
// often it is killed.
//
//	go run ./bench/crash -cycles 1000 -seed 7
//
// It builds the real program, starts it with two models, and sends it live traffic. In
// each cycle the learner dies: by SIGKILL at a random time or while it starts, at a
// labelled failpoint before or after a durable step, or it is stopped by SIGTERM. Now
// and then the newest checkpoint is damaged before the next start. The families of kernels
// that the machine has take turns: what one life learned by AVX2, the next goes on with in
// Go, and at the end an uninterrupted run by each must come to the state that is there.
//
//	plan ──▶ learner up ──▶ dies ──▶ versions noted, perhaps damaged ──▶ next cycle
//	              ▲
//	traffic ──────┘ every request again until it is acknowledged
//
//	at the end: log ──one scan──┬──▶ every acknowledged event is there, once
//	                            ├──▶ oracle: what should have been counted and learned
//	                            └──▶ machine: the state at every version ever seen
//
// # Invariants
//
//   - The plan of the cycles and what each client sends follow from the seed; what the
//     learner was doing when it died does not.
//   - Exit status 0 means that every check was made and held.
//   - A run that fails keeps its folder and says how to run it again.
//
// # Concurrency
//
// One goroutine runs the cycles and owns the learner's process; traffic has its own.
package main
