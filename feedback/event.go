package feedback

import "time"

// The CloudEvents types that Perennial understands. The attribute subject is the
// (pseudonymous) person an event is about; id makes an event unique.
const (
	TypePrediction = "perennial.prediction.v1"
	TypeFeedback   = "perennial.feedback.v1"
	TypeControl    = "perennial.control.v1"
	TypeTick       = "perennial.tick.v1"
)

// An Event is a CloudEvents 1.0 envelope with its JSON payload still encoded.
type Event struct {
	ID      string
	Source  string
	Type    string
	Subject string
	// Time is the producer's clock. It is kept for people to read; learning
	// uses the log's time alone.
	Time    time.Time
	Consent Consent
	// Data is the JSON payload. The Event does not own it: a decoder that
	// keeps part of it copies that part.
	Data []byte
}

// Consent is what a person allowed to be done with an event (extension attribute
// "consent").
type Consent uint8

const (
	ConsentUnset   Consent = iota // the attribute is absent: the configured default applies
	ConsentNone                   // refused: nothing of the event is stored
	ConsentMeasure                // scored, never learned
	ConsentLearn                  // scored and learned
)
