// Package hotload keeps the newest version of a model's channel in the memory
// of any Go program.
//
//	source (folder, NATS, memory) ─announce─▶ Run ─fetch, verify, check─▶ Current()
//
// A Handle follows one channel: Run watches the source, fetches what changed,
// proves it, and swaps one atomic pointer. Requests call Current once and use
// what they got to their end, so each sees one version.
//
// # Invariants
//
//   - What Current returns is whole, proven and never changes.
//   - An update that cannot be fetched, proven or used leaves the version before
//     it in place, is reported, and is tried again until a newer one comes.
//   - Announcements that come faster than they can be fetched are passed over,
//     but never the newest.
//
// # Concurrency
//
// Current is one atomic load and may be called from anywhere. Run is called
// once; it owns its goroutines and leaves none behind. Callbacks come from
// within Run, one at a time.
package hotload
