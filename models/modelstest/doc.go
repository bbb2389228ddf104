// Package modelstest is the conformance suite for architectures: every kind that is
// registered, here or by a user, must pass Run.
//
// # Concurrency
//
// Run uses the test that it is given and starts no goroutine.
package modelstest
