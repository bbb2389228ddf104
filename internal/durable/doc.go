// Package durable writes files so that a crash leaves the old content or the
// new, on a file-system interface small enough to fake.
//
//	Create(temp) ─▶ Write ─▶ Sync ─▶ Rename(temp, name) ─▶ SyncDir(folder)
//	                                  └─ the commit         └─ and now it lasts
//
// OS is the machine's file system. Mem is one in memory, for tests: its Crash
// forgets what was not synced, as a power cut does, and FailFrom stops the
// world at any chosen step.
//
// # Invariants
//
//   - After WriteFile returned nil, a crash keeps the new content.
//   - At any moment before, a crash leaves the old content or the new, whole.
//   - A name ending in TempSuffix is never content: whoever opens the folder
//     next may remove it.
//
// # Concurrency
//
// File systems may be used by several goroutines; a File by one at a time.
// WriteFile needs the caller to be the only writer of that name, which is what
// Lock is for.
package durable
