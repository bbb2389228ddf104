package engine

import "github.com/perennial-ml/perennial/feedback"

// A Record is one record of the log, decoded ahead of Apply.
type Record struct {
	Position uint64
	Time     int64 // log time: the broker's timestamp, nanoseconds since the Unix epoch
	// Event is the decoded event. If it is nil, Refusal says why the record is
	// not one.
	Event   *feedback.Record
	Refusal *feedback.Refusal
	// Keep says that a refused record may stay in the log and be set aside with
	// its payload: its person's consent could be read and allows it.
	Keep bool
}
