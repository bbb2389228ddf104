// Package example is what memories hold: the weighted training example, with its dense features
// as numbers or as bytes.
//
//	Example ── Packer ──▶ Example with bytes ── Unpacker ──▶ a row of numbers
//
// # Invariants
//
//   - An Example is immutable once a memory holds it, and shared by pointer, for as long as
//     anybody may hold it beside the memory that packed it.
//   - Features that are float32 nearest to k/255 come back bit for bit; what no byte stands
//     for is left as it came.
//   - Size is a function of the contents alone.
//
// # Concurrency
//
// An Unpacker has no state: any number of goroutines may use it. A Packer belongs to one.
package example
