// Package optimtest is the conformance suite for optim.Transform: each one, in this project
// or outside, must pass Run.
//
// # Concurrency
//
// Run uses the test that it is given and starts no goroutine.
package optimtest
