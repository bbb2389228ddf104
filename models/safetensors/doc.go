// Package safetensors reads and writes named tensors in the safetensors format,
// strictly and in one canonical form.
//
//	┌────────────┬──────────────────────────────┬──────────────────────────┐
//	│ N: u64, LE │ header: N bytes of JSON,     │ data: the tensors' bytes │
//	│            │ padded with spaces to 8      │ little-endian, row-major │
//	└────────────┴──────────────────────────────┴──────────────────────────┘
//	{"__metadata__":{"k":"v"},"w0":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},...}
//
// See docs/format/safetensors.md for every rule.
//
// # Invariants
//
//   - Equal tensors in equal order give equal bytes: the encoding is canonical.
//   - Tensors come back in the order of their bytes, which is the order they
//     were written in (8-byte types before 4-byte types).
//   - A decoder refuses what is not exact: overlaps, gaps, bytes left over,
//     duplicate names, unknown fields, sizes that disagree with shapes.
//   - A decoder allocates in proportion to what it has read, never to what a
//     header claims.
//
// # Concurrency
//
// Functions only; they share nothing.
package safetensors
