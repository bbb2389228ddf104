package feedback

import (
	"encoding/json"

	"github.com/perennial-ml/perennial/feedback/feature"
)

// A Prediction is the payload of TypePrediction: what a model was shown, what it
// answered, and under which circumstances.
type Prediction struct {
	ID       string          `json:"prediction_id"`
	Features json.RawMessage `json:"features"` // as served; an object keyed by feature name
	// Outputs are the model's answers: binary [p(1)], multiclass the class
	// probabilities, regression [value].
	Outputs  []float64         `json:"outputs"`
	Version  uint64            `json:"model_version"` // position in the log that the weights contain
	Channel  string            `json:"channel"`       // stable, candidate or shadow
	Segments map[string]string `json:"segments,omitempty"`
	Flags    map[string]string `json:"flags,omitempty"`
	// Propensity is the probability with which the choice was made, in (0, 1];
	// absent if the choice was not randomised.
	Propensity *float64 `json:"propensity,omitempty"`
}

// A Feedback is the payload of TypeFeedback: a signal about a prediction, or about
// features that it brings along itself, or an operation on an earlier event.
type Feedback struct {
	// PredictionID names the prediction that the signal is about. Empty for a
	// self-contained event, which carries Features, and for operations that
	// name an event.
	PredictionID string            `json:"prediction_id,omitempty"`
	Features     json.RawMessage   `json:"features,omitempty"`
	Segments     map[string]string `json:"segments,omitempty"`
	Signal       *Signal           `json:"signal,omitempty"`
	Operation    *Operation        `json:"operation,omitempty"`
}

// SignalKind is one word of the taxonomy of signals.
type SignalKind string

// The taxonomy. Class returns the family that each kind belongs to.
const (
	Correctness    SignalKind = "correctness"     // explicit: yes or no
	Correction     SignalKind = "correction"      // explicit: the right label or value
	Rating         SignalKind = "rating"          // explicit: a point on a declared scale
	Preference     SignalKind = "preference"      // explicit: this prediction over another
	Click          SignalKind = "click"           // implicit
	Skip           SignalKind = "skip"            // implicit
	Dwell          SignalKind = "dwell"           // implicit: seconds
	Conversion     SignalKind = "conversion"      // outcome, with an optional value
	TaskCompletion SignalKind = "task_completion" // outcome: yes or no
	Label          SignalKind = "label"           // outcome: ground truth that arrives by itself
)

// A Signal is one thing that a person said or did, or one outcome that came true.
// Kind decides which of the other fields must be present.
type Signal struct {
	Kind SignalKind `json:"kind"`
	// Value is the label, value, rating, seconds or conversion value.
	Value *float64 `json:"value,omitempty"`
	// Correct answers correctness and task_completion (as completed).
	Correct *bool `json:"correct,omitempty"`
	// Over is the prediction that PredictionID was preferred to.
	Over string `json:"over,omitempty"`
	// Confidence, in [0, 1], may stand beside any explicit signal.
	Confidence *float64 `json:"confidence,omitempty"`
}

// OperationKind says what happens to something said before.
type OperationKind string

const (
	Amend    OperationKind = "amend"    // it was wrong: Signal beside it is right
	Withdraw OperationKind = "withdraw" // it is taken back
	Expire   OperationKind = "expire"   // it was right, and no longer holds
)

// An Operation changes what an earlier feedback event said. Exactly one of
// EventID (that event's id) and the Feedback's PredictionID (every signal on that
// prediction; not for amend) is set.
type Operation struct {
	Kind    OperationKind `json:"kind"`
	EventID string        `json:"event_id,omitempty"`
}

// ControlAction is a decision by a person or by a guard.
type ControlAction string

const (
	// Rollback points the stable channel at an earlier durable version, and pins it
	// there unless Unpinned. With Learner it also takes the learner's weights and
	// optimizer back to that version, and forgets examples learned after it.
	Rollback ControlAction = "rollback"
	Promote  ControlAction = "promote" // moves candidate to stable, whatever the policy says
	Pin      ControlAction = "pin"     // stable stays where it is
	Unpin    ControlAction = "unpin"   // the policy decides again
	// Boundary says that a task ends, named by Task: the learner consolidates what it
	// learned.
	Boundary ControlAction = "boundary"
)

// A Control is the payload of TypeControl.
type Control struct {
	Action ControlAction `json:"action"`
	// Version is the version that the action is about: for rollback, the one to go
	// back to.
	Version uint64 `json:"version"`
	// Digest of the version's uncompressed weights blob ("sha256:..."), so that
	// the record means the same bits for ever.
	Digest   string `json:"digest,omitempty"`
	Unpinned bool   `json:"unpinned,omitempty"`
	Learner  bool   `json:"learner,omitempty"`
	// Task names the task that ends, for boundary.
	Task   string `json:"task,omitempty"`
	Reason string `json:"reason,omitempty"`
	Actor  string `json:"actor,omitempty"`
}

// A Record is an Event whose payload is decoded and checked. Exactly one payload
// field is set; for a tick, none. A Record shares no memory with the Event's Data.
type Record struct {
	Event
	Prediction *Prediction
	Feedback   *Feedback
	Control    *Control
	// Row holds the encoded features of a prediction or of a self-contained
	// feedback event.
	Row feature.Row
}
