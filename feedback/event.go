package feedback

import (
	"encoding/json"
	"fmt"
	"time"
)

// The CloudEvents types that Perennial understands. The attribute subject is the
// (pseudonymous) person an event is about; id makes an event unique.
const (
	TypePrediction = "perennial.prediction.v1"
	TypeFeedback   = "perennial.feedback.v1"
	TypeControl    = "perennial.control.v1"
	TypeTick       = "perennial.tick.v1"
)

// SpecVersion is the version of CloudEvents that this package speaks.
const SpecVersion = "1.0"

// MaxID is the largest length of an identifier, in bytes: of the attributes id,
// source, type and subject, and of prediction and event ids in payloads.
const MaxID = 256

// An Event is a CloudEvents 1.0 envelope with its JSON payload still encoded.
// Other extension attributes than consent are not kept.
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

const ruleID = "must be 1 to 256 printable ASCII characters without spaces"

// check holds the context attributes against their rules. It leaves the type's name
// and the consent to the Decoder.
func (e *Event) check() *Refusal {
	switch {
	case !identifier(e.ID):
		return refuse(CodeAttribute, "id", ruleID)
	case !identifier(e.Source):
		return refuse(CodeAttribute, "source", ruleID)
	case !identifier(e.Type):
		return refuse(CodeAttribute, "type", ruleID)
	case e.Subject != "" && !identifier(e.Subject):
		return refuse(CodeAttribute, "subject", ruleID)
	case e.Time.Year() < 0 || e.Time.Year() > 9999:
		return refuse(CodeAttribute, "time", ruleTime)
	}
	return nil
}

// MarshalJSON returns the event as a structured CloudEvent. It fails if Data is not
// JSON.
func (e Event) MarshalJSON() ([]byte, error) {
	consent, err := e.Consent.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	out := struct {
		SpecVersion string          `json:"specversion"`
		ID          string          `json:"id"`
		Source      string          `json:"source"`
		Type        string          `json:"type"`
		Subject     string          `json:"subject,omitempty"`
		Time        string          `json:"time,omitempty"`
		Consent     string          `json:"consent,omitempty"`
		ContentType string          `json:"datacontenttype,omitempty"`
		Data        json.RawMessage `json:"data,omitempty"`
	}{
		SpecVersion: SpecVersion, ID: e.ID, Source: e.Source, Type: e.Type,
		Subject: e.Subject, Time: timeText(e.Time), Consent: string(consent), Data: e.Data,
	}
	if len(e.Data) > 0 {
		out.ContentType = contentJSON
	}
	return json.Marshal(out)
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// printable reports whether the text is printable ASCII without spaces.
func printable[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

func identifier(s string) bool { return s != "" && len(s) <= MaxID && printable(s) }
