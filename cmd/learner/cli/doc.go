// Package cli is the command line of learner: one file per command.
//
// Commands that only look (checkpoint list, show, verify) work beside a running
// daemon. Commands that need the log open it themselves, and say so if a daemon holds
// it; checkpoint rollback then asks the daemon over HTTP.
//
// # Invariants
//
//   - Answers go to standard output, everything else to standard error; with --json
//     the answer is one JSON document, an error {"error": "..."} if nothing was answered.
//   - The exit status is 0 for success, 1 for an error, 2 for a wrong call, and 3
//     where a check found damage.
//
// # Concurrency
//
// Run is called once per process.
package cli
