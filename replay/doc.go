// Package replay holds the memories of past examples from which a learner rehearses:
// what to keep of a stream without end, and what to draw.
//
//	examples ──▶ Offer ──▶ keep, replace or pass over ◀╌╌╌╌╌╮
//	                               │                        Judge: the learner
//	micro-batch ◀── Retriever ◀────┴──▶ Snapshot ──▶ State  ╎
//	                    ◀╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╯
//
// Kinds that go by the stream alone: a uniform sample of it (reservoir); one shared out
// among the classes (class_balanced) or the segments (stratified), and uniform within each;
// the latest examples beside a uniform sample of those before them (recency); the latest of
// each class or segment (ring); the first of each class (gdumb). Kinds that go by what the
// learner makes of an example, and therefore need a Judge: what is typical of a class
// (herding), what pulls the weights to different sides (gss), what is not learned yet
// (loss_aware). What is rehearsed is a choice apart from what is kept: a Retriever draws at
// random, evenly from each group, or what the new examples would make worse.
// docs/memories.md has the laws and the papers.
//
// # Invariants
//
//   - A memory is a function of the calls made on it and of the random streams that
//     they bring. Nothing depends on the order of a map.
//   - A memory holds an id once: adding it again replaces the example. Examples without
//     an id are all different, and cannot be removed by it.
//   - A restored memory does for ever after, call by call, what the original does.
//   - What a memory showed never changes: examples of a state or of a match of Remove, and those
//     drawn, until Returned. Others that it packed itself may be written over.
//   - Equal memories encode to equal bytes; docs/format/replay.md has the layout.
//
// # Versions of a large memory
//
// Whatever a memory holds by slot is a column of pages. A State shares them, and a page that
// is shared is copied before it changes: to take a State costs a list of pages, and what did
// not change between two is the same blob.
//
// # Inside
//
// Here are the laws, one kind a file, and the choice of what to rehearse. What they are written
// in knows no law; arrows are imports:
//
//	replay ─▶ state ─▶ store ─┬▶ example
//	                          ╰▶ sample ─▶ column
//
//	state    what a memory held at one time, and its bytes
//	store    slots of examples, by id, by age, by group; bounds
//	example  the example, as numbers or as bytes
//	sample   draws: without replacement, by weight, a uniform sample
//	column   pages that are shared until they change
//
// # Concurrency
//
// A Memory and a Retriever are not safe for concurrent use. A State is immutable: it may be
// encoded, and restored from, by any goroutine.
package replay
