package traffic

import (
	"encoding/json"
	"fmt"
)

// fate is what must become of an event.
type fate int

const (
	stored   fate = iota
	refused       // by its content; never stored
	withheld      // its person allowed nothing; never stored, and not even named
)

// An envelope is a CloudEvent in structured mode.
type envelope struct {
	SpecVersion string `json:"specversion"`
	Type        string `json:"type"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Subject     string `json:"subject,omitempty"`
	Consent     string `json:"consent,omitempty"`
	Data        any    `json:"data"`
}

type data struct {
	PredictionID string         `json:"prediction_id,omitempty"`
	Features     map[string]any `json:"features,omitempty"`
	Signal       *signal        `json:"signal,omitempty"`
	Operation    *operation     `json:"operation,omitempty"`
}

type signal struct {
	Kind       string   `json:"kind"`
	Value      *float64 `json:"value,omitempty"`
	Correct    *bool    `json:"correct,omitempty"`
	Over       string   `json:"over,omitempty"`
	Confidence *float64 `json:"confidence,omitempty"`
}

type operation struct {
	Kind    string `json:"kind"`
	EventID string `json:"event_id,omitempty"`
}

// A message is an event as it is sent, time and again.
type message struct {
	id   string
	fate fate
	body json.RawMessage
	// about is the event without its envelope, to say something else under its id.
	about data
	// plain says that operations may be about it: its prediction was in the log
	// before it.
	plain bool
}

func newMessage(id, subject, consent string, d data, f fate) message {
	return message{id: id, fate: f, body: encode("perennial.feedback.v1", id, subject, consent, d), about: d}
}

// prediction is a record of an answer, as a server elsewhere sends it.
type prediction struct {
	PredictionID string         `json:"prediction_id"`
	Features     map[string]any `json:"features"`
	Outputs      []float64      `json:"outputs"`
	ModelVersion uint64         `json:"model_version"`
	Channel      string         `json:"channel"`
}

func newPrediction(id, subject, consent string, p prediction) message {
	return message{id: id, fate: stored, body: encode("perennial.prediction.v1", id, subject, consent, p)}
}

func encode(kind, id, subject, consent string, d any) json.RawMessage {
	body, err := json.Marshal(envelope{
		SpecVersion: "1.0", Type: kind, ID: id, Source: "bench/crash",
		Subject: subject, Consent: consent, Data: d,
	})
	if err != nil {
		panic(fmt.Sprintf("encode an event of plain values: %v", err))
	}
	return body
}

// batch writes messages as one batch of CloudEvents.
func batch(list []message) []byte {
	out := []byte{'['}
	for i, m := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, m.body...)
	}
	return append(out, ']')
}

func ptr[T any](v T) *T { return &v }
