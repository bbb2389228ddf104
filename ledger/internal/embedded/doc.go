// Package embedded runs a NATS server in this process, on a folder of its own.
//
//	Start ─ lock the folder ─ clear what killed processes staged ─ server
//	                                                                 │ InProcessConn
//	Stage(stream): batches go through memory ◀───────────────────────┤
//	Stop ─ server down ─ staging removed ─ folder free               ▼ clients
//
// It knows streams by their names alone, and nothing of what is stored in them.
//
// # Invariants
//
//   - One server has a folder: the lock dies with its process, however that ends.
//   - Whatever the server acknowledges is on disk: it syncs every write.
//   - A batch is stored whole, or up to some message of it where power was lost before
//     its writer was told anything: see staging.go.
//   - What a process staged in memory is gone once it has stopped, or, where it was
//     killed, once a later one has started on the same folder.
//
// # Concurrency
//
// A Server is safe for concurrent use. The goroutines it runs are the NATS server's own,
// and end with Stop.
package embedded
