// Package replay holds the memories of past examples from which a learner rehearses:
// what to keep of a stream without end, and what to draw.
//
//	example ──▶ Add ──▶ keep, replace or pass over
//	                        │
//	micro-batch ◀── Draw ◀──┴──▶ Snapshot ──▶ State ──▶ bytes
//
// There are four kinds: a uniform sample of the stream (reservoir); one shared out among
// the classes (class_balanced) or the segments (stratified), and uniform within each;
// and the latest examples beside a uniform sample of those before them (recency).
//
// # Invariants
//
//   - A memory is a function of the calls made on it and of the random streams that
//     they bring. Nothing depends on the order of a map.
//   - A memory holds an id once: adding it again replaces the example. Examples without
//     an id are all different, and cannot be removed by it.
//   - A restored memory does for ever after, call by call, what the original does.
//   - Equal memories encode to equal bytes; docs/format/replay.md has the layout.
//
// # Concurrency
//
// A Memory is not safe for concurrent use. A State is immutable: it may be encoded, and
// restored from, by any goroutine.
package replay
