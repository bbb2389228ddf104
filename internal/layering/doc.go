// Package layering holds the architecture: which room may import which.
//
//	go list -json ./... ──▶ []Package ──Check──▶ what breaks a rule, in words
//
// A room is a folder of the root; its subpackages belong to it. The rules are those of
// docs/design.md, "The rooms"; the test of this package, and so make test, holds them
// against the module as it is.
//
// # Invariants
//
//   - Check is a function of its arguments, and reports in the order of the packages.
//
// # Concurrency
//
// There is no state.
package layering
