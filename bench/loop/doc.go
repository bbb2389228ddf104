// Command loop measures the whole loop: it starts a real learner as a process of its
// own, drives it over HTTP, and prints what it measured.
//
//	connections ──batches of events──▶ ┌───────────────┐
//	prober ──one event, then infer──▶  │ learner up    │──▶ log on disk
//	watcher ◀──/metrics, each second── └───────────────┘
//
// What it prints:
//
//   - accepted: durable events a second, by the answers to the posts.
//   - learned: events a second from the first post until the learner had learned the
//     last one, so that a lag counts; the drain is the part of it after the last post.
//   - freshness: from the answer that accepts a probe event until an inference is
//     answered by weights that contain the event, polled as often as answers come back,
//     but no more than every pollEvery. The candidate channel says how fast the loop is;
//     stable says it with what its policy's holds add. It means something while the
//     offered rate is one that the machine can sustain.
//   - memory, processor time, the pause for a checkpoint, and bytes in the log.
//
// The same figures follow in Go's benchmark format, for benchstat.
//
//	go run ./bench/loop                        # a table of offered rates, and the most
//	go run ./bench/loop -rate 0 -events 5000000
//	go run ./bench/loop -rate 20000 -joined
package main
