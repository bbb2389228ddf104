package feedback

import (
	"encoding/json"
	"fmt"
)

// NewPrediction returns the event for a prediction that was served to subject (which
// may be empty). The caller sets Time and Consent. It fails if an attribute breaks
// its rule, as a *Refusal, or if the payload cannot be JSON.
func NewPrediction(id, source, subject string, p Prediction) (Event, error) {
	return newEvent(TypePrediction, id, source, subject, p)
}

// NewFeedback returns the event for a signal or an operation of subject (which may
// be empty), as NewPrediction does.
func NewFeedback(id, source, subject string, f Feedback) (Event, error) {
	return newEvent(TypeFeedback, id, source, subject, f)
}

// NewControl returns the event for a decision, as NewPrediction does.
func NewControl(id, source string, c Control) (Event, error) {
	return newEvent(TypeControl, id, source, "", c)
}

// NewTick returns an event that lets the log's time advance. It has no payload.
func NewTick(id, source string) Event {
	return Event{ID: id, Source: source, Type: TypeTick}
}

func newEvent(eventType, id, source, subject string, payload any) (Event, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return Event{}, fmt.Errorf("encode %s: %w", eventType, err)
	}
	e := Event{ID: id, Source: source, Type: eventType, Subject: subject, Data: data}
	if r := e.check(); r != nil {
		return Event{}, r
	}
	return e, nil
}
