// Package canonical encodes state as deterministic CBOR (RFC 8949, section 4.2.1):
// equal values give equal bytes, so that a digest of the bytes identifies the value.
//
// # Invariants
//
//   - Floats keep their width and their bits; maps are written in key order.
//   - Decoding is bounded and refuses duplicate keys, unknown fields and
//     indefinite lengths.
//
// # Concurrency
//
// All functions may be called at the same time from several goroutines.
package canonical
