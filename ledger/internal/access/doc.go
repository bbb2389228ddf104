// Package access is how this client and an external NATS server prove to each other who
// they are: which files say so, what is wrong with one, and which setting a refusal is
// about.
//
//	Files ──Options──▶ nats.Connect ──refused──▶ Explain ──▶ error that names the setting
//
// # Invariants
//
// What a file lacks is found before the connection, where its setting can be named.
//
// # Concurrency
//
// Files is a value. The client reads its files again with each connection, so that what
// is renewed on disk is used.
package access
