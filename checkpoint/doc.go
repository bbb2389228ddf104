// Package checkpoint keeps versions of a learner durable: its weights and
// everything else that its state is made of, each version named by the log
// position that it contains.
//
// A store is a folder, and the folder is an OCI image layout, so that registry
// tools can copy it:
//
//	oci-layout             the marker of the layout
//	index.json             which versions there are, and what names them; its rename is the commit
//	index.prev.json        the index one commit ago, for when the newer one is damaged
//	blobs/sha256/<hex>     OCI manifests, our Manifest (the OCI config), and the state under zstd
//
//	Write ─▶ encode ─┬─▶ SHA-256 of the plain bytes ──▶ known already? refer to it
//	                 └─▶ zstd ─▶ SHA-256 ─▶ temp file ─▶ fsync, rename, fsync folder ─▶ index.json
//
// docs/format/checkpoint.md describes every byte.
//
// # Invariants
//
//   - A version is in the index only after everything that it needs is durable:
//     a crash leaves the state before a call or after it, never between.
//   - Nothing read is believed: sizes are bounded before memory is taken, digests
//     are checked on the compressed and on the plain bytes.
//   - A version that is damaged is never handed out, and never referred to by a
//     later one; Latest falls back to the one before and says so in the log.
//   - A format from the future is refused by its name, not skipped.
//   - Blobs with equal plain bytes are stored once; one that did not change is
//     not written again.
//   - Equal states have equal StateHash, whatever compressed them.
//   - Retention never removes a version that a channel or a tag names.
//
// # Concurrency
//
// A Store may be used by several goroutines: writers take turns, readers do not
// wait for them. One process at a time holds a store for writing (Open takes a
// lock); any number may read it (OpenReader). Within a process, a Saved keeps
// its blobs on disk until its Close, whatever retention does.
package checkpoint
