// Package config reads the one file that says what a learner process does: YAML,
// judged by a JSON Schema and by the rooms that it configures, with every error at
// its line.
//
//	learner.yaml ─▶ tree with places ─▶ schema ─▶ structs + defaults ─▶ rooms' Validate
//	                      │                │                                  │
//	                      └────────────────┴── file:line:column: field: rule ─┘
//
// # Invariants
//
//   - A Config that Parse returned is valid, and holds its defaults.
//   - What is written is what is in force: an unknown key, a key set twice and a
//     zero that a default would replace are errors.
//   - The file is bounded in size and depth before it is parsed, and it has no
//     anchors or aliases by which it could grow.
//   - schema.json, docs/configuration.md and the Go types say the same; a test
//     holds them together.
//   - Equal digests mean equal learning over equal logs.
//
// # Concurrency
//
// Every function may be called from any goroutine. A Config is not changed after it
// was returned, unless its owner does.
package config
