// Package jsonscan walks JSON text in one pass without building a tree.
//
// It is stricter than encoding/json where leniency would let two readers of one
// event disagree: text must be valid UTF-8 and surrogates must pair up (I-JSON,
// RFC 7493). Duplicate keys are the caller's to refuse, since the caller knows the
// keys; SkipUnique refuses them in values that the caller does not look at.
//
//	s := jsonscan.New(data, 16)
//	Open ─▶ Key ─▶ Text | Number | Bool | Null | Open | Skip ─▶ Key ─▶ ... ─▶ End
//
// # Invariants
//
//   - Everything the Scanner accepts, encoding/json accepts with the same meaning.
//   - Nesting is bounded by the depth given to New, and nothing is allocated but
//     the text of strings that hold escapes longer than the caller's scratch.
//
// # Concurrency
//
// A Scanner belongs to one goroutine. It never writes to its input.
package jsonscan
