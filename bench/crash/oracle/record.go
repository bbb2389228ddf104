package oracle

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// A Record is one record of the log as it lies there.
type Record struct {
	Position uint64
	Time     time.Time
	Header   map[string][]string
	Data     []byte
}

// ID returns the record's event id, "" if it has none.
func (r Record) ID() string { return r.attribute("id") }

// attribute returns a CloudEvents attribute of a record in binary mode.
func (r Record) attribute(name string) string {
	for key, values := range r.Header {
		if strings.EqualFold(key, "ce-"+name) && len(values) > 0 {
			if text, err := url.PathUnescape(values[0]); err == nil {
				return text
			}
			return values[0]
		}
	}
	return ""
}

// An event is a record, understood.
type event struct {
	id      string
	learn   bool
	tick    bool
	predict *predictionData
	say     *feedbackData
	control *controlData
}

type predictionData struct {
	ID      string    `json:"prediction_id"`
	Outputs []float64 `json:"outputs"`
	Channel string    `json:"channel"`
}

type feedbackData struct {
	PredictionID string          `json:"prediction_id"`
	Features     json.RawMessage `json:"features"`
	Segments     json.RawMessage `json:"segments"`
	Signal       *signalData     `json:"signal"`
	Operation    *operationData  `json:"operation"`
}

type signalData struct {
	Kind       string   `json:"kind"`
	Value      *float64 `json:"value"`
	Correct    *bool    `json:"correct"`
	Over       string   `json:"over"`
	Confidence *float64 `json:"confidence"`
}

type operationData struct {
	Kind    string `json:"kind"`
	EventID string `json:"event_id"`
}

type controlData struct {
	Action  string `json:"action"`
	Version uint64 `json:"version"`
	Learner bool   `json:"learner"`
}

// decode understands a record, or reports that it is to be refused. It knows no more
// rules than it takes to tell the records of a well-behaved server, whose events were
// checked before they were stored, from those that a careless producer put into the
// log beside it.
func (o *Oracle) decode(r Record) (event, bool) {
	e := event{id: r.ID(), learn: o.cfg.Learn}
	if e.id == "" {
		return e, false
	}
	switch r.attribute("consent") {
	case "":
	case "learn":
		e.learn = true
	case "measure":
		e.learn = false
	default:
		return e, false
	}
	switch r.attribute("type") {
	case "perennial.tick.v1":
		e.tick = true
		return e, true
	case "perennial.prediction.v1":
		e.predict = &predictionData{}
		return e, json.Unmarshal(r.Data, e.predict) == nil && e.predict.ID != ""
	case "perennial.control.v1":
		e.control = &controlData{}
		return e, json.Unmarshal(r.Data, e.control) == nil && e.control.Action != ""
	case "perennial.feedback.v1":
		e.say = &feedbackData{}
		dec := json.NewDecoder(bytes.NewReader(r.Data))
		dec.DisallowUnknownFields()
		return e, dec.Decode(e.say) == nil && o.sayable(e.say)
	}
	return e, false
}

func (o *Oracle) sayable(f *feedbackData) bool {
	if f.Signal == nil && f.Operation == nil {
		return false
	}
	if f.Signal == nil {
		return true
	}
	_, known := o.cfg.Reliability[f.Signal.Kind]
	return known
}
