// Package data reads the data sets of the suites, and knows where they come from.
//
//	folder ──▶ Entry.Load ──▶ Split{Train, Test *Set}
//	   ▲
//	   └── Entry.Fetch, from the canonical address, held against a pinned SHA-256
//
// Images come as IDX, tables as CSV or ARFF, ratings as GroupLens publishes them; each may
// be compressed with gzip. docs/bench.md says what to put where.
//
// # Invariants
//
//   - Every reader is bounded before it allocates: by bytes, rows, columns and names.
//   - A file that is torn, too long or not what its name says is an error that names the
//     file, and the line or field where there is one.
//   - A fetched file is in place only if it is whole and its hash is the pinned one.
//   - A Set is the same for the same bytes: classes and names are numbered by their order
//     as numbers or text, never by that of a map.
//
// # Concurrency
//
// A Set is never written to after it was loaded: any number of goroutines may read it.
package data
