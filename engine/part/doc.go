// Package part writes and reads a state in parts: the blobs that a version is kept in.
//
//	document ─▶ CBOR ────┐                     ┌─▶ Reader.CBOR ────▶ document
//	tensors ──▶ Tensors ─┼─▶ []Part ─▶ store ──┼─▶ Reader.Tensors ─▶ tensors
//	examples ─▶ Memory ──┘   by name           └─▶ Reader.Memory ──▶ examples
//
// What is small is one part. What is large is a head of that name and pieces whose names
// begin with it, so that those which did not change need not be written again.
//
// # Invariants
//
//   - Equal states give equal parts: the same names, in the same order, with the same bytes.
//   - A Part shares with the state only what never changes: its Write gives the same bytes
//     each time, however far the state has gone on.
//   - What is read back is checked against its form; against the model's shapes it is held
//     by the caller.
//
// # Concurrency
//
// A Part may be written by any goroutine. A Reader is as safe as the function that it is.
package part
