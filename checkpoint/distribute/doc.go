// Package distribute carries weights from a learner to its servers through NATS:
// tensors in an Object Store bucket, and one pointer per channel in a Key-Value
// bucket.
//
//	learner ─▶ Publisher ─┬─ tensors that changed ─▶ Object Store  perennial_<model>
//	                      └─ then the pointer ─────▶ Key-Value     perennial_<model>
//	                                                   channel.<name>  what to serve
//	                                                   epoch           who may write
//	servers ◀─ Fetcher ◀─ watch the pointer, fetch the tensors that are new
//
// Publishing is not durability: a version that was published and never written
// can be rebuilt from the checkpoint before it.
//
// # Invariants
//
//   - A pointer moves only after every tensor that it names is stored, and only
//     by compare-and-set on the revision that its writer saw.
//   - Claiming an epoch rewrites every pointer, so a Publisher of an older epoch
//     holds no valid revision: its next move fails with ErrFenced. Objects carry
//     the epoch in their names, so it cannot touch its successor's either.
//   - Objects live in a bounded ring of names per epoch. Overwritten ones are
//     those that no pointer, and none of the last Config.Keep publications, name.
//   - A Fetcher returns weights whose every byte has the digest that the pointer
//     gave, or an error.
//
// # Concurrency
//
// A Publisher and a Fetcher may be used by several goroutines; publications take
// turns.
package distribute
