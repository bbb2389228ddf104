// Package real computes elementary functions of real numbers with one result on
// every machine.
//
// The standard library's versions are chosen per architecture, and on amd64 per
// processor (math.Exp uses fused multiply-add where there is one), so their last
// bit differs between two learners on different machines. The functions here use
// only additions, multiplications, divisions and exact scaling in IEEE double
// precision; every product is rounded explicitly, which forbids the compiler to
// fuse it. Relative error is below 1e-14 unless a comment says otherwise.
//
// # Concurrency
//
// All functions are pure.
package real
