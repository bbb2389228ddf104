// Package leak fails the tests of a package that leave goroutines behind.
//
// goleak's own check gives them half a second to end, which those of a connection that was
// closed may need on a machine that has other work: here they have a minute.
//
// # Concurrency
//
// Check runs alone: from TestMain.
package leak
