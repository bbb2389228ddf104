package prequential

import "github.com/perennial-ml/perennial/models"

// A Report is a Meter's account. It encodes to JSON as it stands.
type Report struct {
	Task  models.Task `json:"task"`
	Total uint64      `json:"total"` // examples scored, ever
	// Skipped counts the examples that could not be scored: a prediction or target
	// that is not finite, a class without an output, a weight that is not above 0.
	Skipped  uint64          `json:"skipped"`
	Window   Scores          `json:"window"`
	Fading   Scores          `json:"fading"`
	Segments []SegmentReport `json:"segments"` // by name
}

// A SegmentReport is the account of one segment.
type SegmentReport struct {
	Segment string `json:"segment"`
	Total   uint64 `json:"total"`
	Window  Scores `json:"window"`
}

// Scores are weighted means over N examples. A score that the task does not have, or that
// these examples do not define, is nil, and absent from JSON: a mean without examples, a
// deviation of fewer than two, the area under the curve of one class alone.
type Scores struct {
	N      uint64  `json:"n"`      // examples; with fading, all so far
	Weight float64 `json:"weight"` // the sum of their weights; with fading, faded

	// Loss is the mean of models.Loss: nats, or the mean squared error; LossSD the
	// standard deviation of one example's loss.
	Loss   *float64 `json:"loss,omitempty"`
	LossSD *float64 `json:"loss_sd,omitempty"`
	// Accuracy is the share of right classes (binary, multiclass).
	Accuracy *float64 `json:"accuracy,omitempty"`
	// AUC is the area under the ROC curve (binary; not with fading).
	AUC *float64 `json:"auc,omitempty"`
	// ECE is the expected calibration error (binary, multiclass).
	ECE *float64 `json:"ece,omitempty"`
	// MAE is the mean absolute error (regression), in the target's unit.
	MAE *float64 `json:"mae,omitempty"`
}
