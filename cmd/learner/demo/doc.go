// Package demo shows the whole loop on a real stream: it starts a learner, plays the
// Electricity stream to it through the HTTP face with outcomes a day late, kills it,
// proves that it came back as it was, poisons it, and rolls it back.
//
//	elec2.csv.gz ─▶ day by day ─▶ POST /v2/models/elec2/infer ─▶ predictions
//	                    └─ 48 half-hours later ─▶ POST /v1/feedback
//
// The learner is this same program in a process of its own, with a configuration that
// stays behind in the demo's folder, for a look around.
//
// # Invariants
//
//   - No feature of a half-hour holds an outcome that was not known when it was
//     predicted.
//   - What it prints was measured in this run.
//
// # Concurrency
//
// Run is called once per process.
package demo
