// Package suites holds the suites that ship with the binary, one YAML file each; package
// protocol reads them, and docs/bench.md says how to add one.
//
// # Invariants
//
//   - Every file reads without an error, and is named as its suite.
//
// # Concurrency
//
// The files are read only.
package suites
