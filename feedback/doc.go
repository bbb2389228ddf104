// Package feedback defines what comes into Perennial: predictions that were
// served, signals that came back, decisions and ticks, as CloudEvents 1.0 with
// JSON payloads. Producers import this package and nothing else of Perennial.
//
//	HTTP request ─ ParseHTTP ──┐              ┌─▶ Record: payload checked,
//	                           ├─▶ Event ─▶ Decoder      features encoded
//	NATS message ─ FromHeaders ┘              └─▶ Refusal: code, field, rule
//
// An Event is the envelope with its payload still encoded; a Record is an Event
// whose payload was checked against the model that it is for. The taxonomy of
// signals is told in docs/signals.md, the layouts in docs/format/events.md, the
// reasons for refusing in docs/refusals.md; Schemas holds all of it as JSON Schema.
//
// # Invariants
//
//   - Decode is a function of the event and the Decoder's configuration: no clock,
//     no randomness, no state. What was accepted once is accepted for ever under
//     the same configuration, and means the same.
//   - Features never come from the feedback of a later time: an event that names
//     an earlier prediction, or an earlier event, and brings features is refused.
//   - An event whose person allowed nothing is refused for that reason before any
//     other; Decoder.MayKeep tells whether a refused event may be kept at all.
//   - Every refusal is a *Refusal, and its code, field and rule never hold a value
//     from the payload.
//   - JSON is read strictly: no unknown fields, no duplicate keys, no nulls in
//     place of values, valid UTF-8, bounded size and depth.
//
// # Concurrency
//
// Decoders are immutable and safe for any number of goroutines. Functions keep no
// state. Events returned by the parsers share memory with the input; Records share
// none with their Event's Data.
package feedback
