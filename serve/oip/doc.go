// Package oip reads requests and writes answers of the Open Inference Protocol,
// version 2, REST flavour: https://github.com/kserve/open-inference-protocol.
//
//	body ──Decode──▶ Request ──Schema.Bind──▶ Rows ──AppendRow──▶ {"feature":value,…}
//	                                                     one JSON object a row
//	outputs ──AppendResponse──▶ body
//
// It knows tensors and the names of features, and nothing of models: a row leaves
// it as the JSON object that is both encoded for the model and recorded in the log,
// so that what was served and what is learned from cannot differ. Numbers pass
// through as the caller wrote them.
//
// # Invariants
//
//   - A body that Decode accepts is valid JSON in valid UTF-8, no deeper than the
//     limit, with no member twice in one object that it reads.
//   - Nothing is allocated in proportion to a number in the body: shapes are compared
//     with the data that is there.
//   - AppendRow writes valid JSON for every row of a bound request.
//
// # Concurrency
//
// A Schema is immutable and may be shared. A Request and its Rows alias the body and
// belong to one goroutine.
package oip
