// Package serve is the HTTP face of Perennial: predictions out, feedback in, and a
// window on what is learned.
//
//	POST /v2/models/{m}/infer ─▶ features JSON ─▶ dictionary ─▶ predictor ─▶ answer
//	                                  │                            ▲
//	                                  └──▶ prediction event        │ weights, taken once
//	                                            │                  │ a request
//	                                            ▼              Source (hot load)
//	POST /v1/feedback ──▶ decoder ──▶ good ──▶ Log ──▶ receipts
//	                          └────▶ refused: code, field, rule
//
// The features that the model was shown and the features that are recorded are the
// same bytes. Inference speaks the Open Inference Protocol (package oip), ingest
// speaks CloudEvents; docs/http.md lists every endpoint.
//
// # Invariants
//
//   - A request takes the weights of each channel once, and every row of it that this
//     channel answers is computed from them.
//   - The subject of a row chooses its channel by a stable hash: it changes only with
//     the salt or the fraction, and growing the fraction moves nobody back.
//   - With record: durable, an answered prediction is on disk. With async it is on
//     disk soon after; nothing is dropped while the process lives, and whatever a
//     stop or a lasting error does lose is logged and counted.
//   - An event whose consent is none leaves no trace.
//   - Memory is bounded: by the body limit times the concurrency limit, and by the
//     recorder's queue.
//
// # Concurrency
//
// A Server may be used from any number of goroutines. A Predictor belongs to one
// request at a time; each model has a bounded number of them. One goroutine a model,
// started by Serve, appends recorded predictions.
package serve
