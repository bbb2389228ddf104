package serve

import (
	"context"
	"time"

	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
)

// The channels that answer or shadow requests.
const (
	Stable    = "stable"
	Candidate = "candidate"
	Shadow    = "shadow"
)

// A Model is one model that the server answers for.
type Model struct {
	Name       string
	Dictionary *feature.Dictionary
	// Spec of the model as configured; it says which outputs the metadata lists.
	Spec models.Spec
	// Grows says that versions may have more classes than Spec. The metadata then gives
	// their number as -1; in one answer, all rows have those of the widest version.
	Grows bool
	// Classes returns the classes that compete for rows of those segment labels, as
	// models.Batch.Mask has them, and nil for all; classes beyond its length do not
	// compete. It may be nil: then all always do.
	Classes func(segments map[string]string) []float32
	// Stable answers requests. Candidate may be nil.
	Stable, Candidate Source
	Decoder           Decoder
	Log               Log
	// Status may be nil, for a server without a learner.
	Status Status
	// CaughtUp reports whether the learner has applied what was in the log when it began;
	// before that the server is not ready. It may be nil, for a server without a learner.
	CaughtUp func() bool
	// NewPredictor builds a predictor for batches of up to rows rows. Nil means
	// models.NewPredictor, with the graph for one row built ahead.
	NewPredictor func(spec models.Spec, rows int) (Predictor, error)
}

// A Source hands out the newest version of a channel; *hotload.Handle is one. It is safe
// for concurrent use and does not block.
type Source interface {
	// Current returns nil as long as there is none. What it returns never changes.
	Current() *hotload.Loaded
}

// A Predictor computes a model's outputs; *models.Predictor is one. It is used by one goroutine at a time.
type Predictor interface {
	// Update copies weights in, which have the shapes of the predictor's spec. have, if
	// not nil, are the ones that the last Update copied in.
	Update(weights, have *models.Frozen) error
	// Predict writes batch.Rows x Spec.Outputs() outputs to dst.
	Predict(dst []float32, batch *models.Batch) error
}

func newPredictor(spec models.Spec, rows int) (Predictor, error) {
	p, err := models.NewPredictor(spec, rows)
	if err != nil {
		return nil, err
	}
	return p, p.Warm(1)
}

// A Decoder checks events against a model's configuration, and resolves the consent of
// those that name none; *feedback.Decoder is one. The error is a *feedback.Refusal. It is
// safe for concurrent use.
type Decoder interface {
	Decode(feedback.Event) (*feedback.Record, error)
}

// A Log takes events; *ledger.Log is one. It is safe for concurrent use.
type Log interface {
	// Append returns when the events are on disk: receipts[i] is events[i]'s, and
	// receipts[i].Err says why it was not stored. Without receipts the error
	// concerns them all, and a retry with the same ids stores nothing twice. After
	// an error the log may still hold the events' Data.
	Append(ctx context.Context, events []feedback.Event) ([]ledger.Receipt, error)
}

// Status reports on the learner behind a model. It is safe for concurrent use.
type Status interface {
	Status(ctx context.Context) (ModelStatus, error)
	// Versions lists the durable versions, the newest first.
	Versions(ctx context.Context) ([]VersionInfo, error)
	// Report returns the prequential metrics as of the newest published version.
	Report(ctx context.Context) (Report, error)
}

// A ModelStatus says where a model's learner is.
type ModelStatus struct {
	Position    uint64            `json:"position"`          // last record learned from
	LogTime     time.Time         `json:"log_time,omitzero"` // of that record; absent before the first
	Log         LogStatus         `json:"log"`
	Pinned      bool              `json:"pinned"`
	Durable     uint64            `json:"durable"`                // newest durable version
	FreshnessMS float64           `json:"freshness_ms,omitempty"` // age of the oldest accepted event that stable does not contain, milliseconds
	Counters    map[string]uint64 `json:"counters,omitempty"`     // by reason: learned, late, unknown_prediction, ...
}

// LogStatus says how the log is doing.
type LogStatus struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	First   uint64    `json:"first"`
	Last    uint64    `json:"last"`
	Bytes   uint64    `json:"bytes"`
	State   string    `json:"state"` // ok, busy or stalled
}

// A VersionInfo describes a durable version.
type VersionInfo struct {
	Version   uint64            `json:"version"`
	LogTime   time.Time         `json:"log_time"`
	StateHash string            `json:"state_hash"`
	Channels  []string          `json:"channels,omitempty"`
	Bytes     int64             `json:"bytes,omitempty"`
	Summary   map[string]string `json:"summary,omitempty"`
}

// A Report holds prequential metrics: each example was scored before it was learned.
type Report struct {
	Position uint64    `json:"position"`
	LogTime  time.Time `json:"log_time,omitzero"`
	Scores   []Score   `json:"scores"`
	// Anchors is nil if there are none, and before the first look at them.
	Anchors *Anchors `json:"anchors,omitempty"`
}

// Anchors holds the figures of continual learning, as of the last look, on examples that the
// learner never learned. docs/metrics.md has the formulas. What cannot be computed is
// absent.
type Anchors struct {
	Held  uint64 `json:"held"`  // examples set aside, ever
	Looks uint64 `json:"looks"` // ever
	AnchorFigures
	Phases []Phase `json:"phases"` // the oldest first, the last may be in progress
}

// AnchorFigures are the figures over the phases.
type AnchorFigures struct {
	Accuracy          *float64 `json:"accuracy,omitempty"`
	LearningAccuracy  *float64 `json:"learning_accuracy,omitempty"`
	BackwardTransfer  *float64 `json:"backward_transfer,omitempty"`
	ForwardTransfer   *float64 `json:"forward_transfer,omitempty"`
	Forgetting        *float64 `json:"forgetting,omitempty"`
	Retention         *float64 `json:"retention,omitempty"`
	AnytimeAccuracy   *float64 `json:"anytime_accuracy,omitempty"`
	MinimumAccuracy   *float64 `json:"minimum_accuracy,omitempty"`
	WorstCaseAccuracy *float64 `json:"worst_case_accuracy,omitempty"`
}

// A Phase is the account of one phase of learning: accuracies on its examples.
type Phase struct {
	Ended    uint64   `json:"ended,omitempty"` // position; absent for the phase in progress
	Examples int      `json:"examples"`
	First    *float64 `json:"first,omitempty"`  // by the weights that nothing was learned into
	Before   *float64 `json:"before,omitempty"` // by those as the phase began
	AtEnd    *float64 `json:"at_end,omitempty"`
	Best     *float64 `json:"best,omitempty"`  // since it ended, before the latest look
	Worst    *float64 `json:"worst,omitempty"` // at the looks after it ended
	Current  float64  `json:"current"`         // at the latest look
	// CurrentInterval is Wilson's 95% interval, filled in by the server.
	CurrentInterval *Interval `json:"current_interval,omitempty"`
}

// A Score is the record of one who predicts: learner, stable or served. A metric that
// the task does not have is absent.
type Score struct {
	Name     string   `json:"name"`
	Segment  string   `json:"segment,omitempty"` // "key=value"; empty for all
	N        uint64   `json:"n"`                 // examples in the window
	Total    uint64   `json:"total,omitempty"`   // examples ever
	Loss     *float64 `json:"loss,omitempty"`    // mean: nats, or squared units
	LossSD   *float64 `json:"loss_sd,omitempty"` // standard deviation of one example's loss
	Accuracy *float64 `json:"accuracy,omitempty"`
	AUC      *float64 `json:"auc,omitempty"`
	ECE      *float64 `json:"ece,omitempty"` // expected calibration error
	MAE      *float64 `json:"mae,omitempty"` // mean absolute error, in the target's unit

	// The 95% intervals, filled in by the server: Wilson's for the accuracy, the
	// normal one for the loss.
	AccuracyInterval *Interval `json:"accuracy_interval,omitempty"`
	LossInterval     *Interval `json:"loss_interval,omitempty"`
}
