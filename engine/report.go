package engine

import (
	"slices"

	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/engine/signal"
)

// Report is the engine's account of itself, for people and for metrics.
type Report struct {
	Position uint64             `json:"position"`
	Time     int64              `json:"log_time"` // nanoseconds since the Unix epoch
	Counts   Counts             `json:"counts"`
	Signals  signal.Counts      `json:"signals"`
	Waiting  Waiting            `json:"waiting"`
	Channels ChannelReport      `json:"channels"`
	Served   prequential.Report `json:"served"`
	Stable   prequential.Report `json:"stable"`
	Arms     []arm.Report       `json:"arms"`
	// Anchors is nil if there are none, and before the first look.
	Anchors *anchor.Report `json:"anchors,omitempty"`
	// Classes is the number that the model knows, and Grown says since when, where the
	// head has grown; of multiclass alone.
	Classes int      `json:"classes,omitempty"`
	Grown   []Growth `json:"grown,omitempty"`
}

// Waiting is what the engine holds for later.
type Waiting struct {
	Predictions int   `json:"predictions"`
	Orphans     int   `json:"orphans"`
	Bytes       int64 `json:"bytes"`
	Examples    int   `json:"examples"` // for their micro-batch
}

// Report returns the engine's account as of the last record.
func (e *Engine) Report() Report {
	r := Report{
		Position: e.position,
		Time:     e.time,
		Counts:   e.counts,
		Signals:  e.window.Counts(),
		Waiting: Waiting{
			Predictions: e.window.Len(),
			Orphans:     e.window.Orphans(),
			Bytes:       e.window.Bytes(),
			Examples:    len(e.pending),
		},
		Channels: e.channels.report(e.scores.paired),
		Served:   e.scores.served.Report(),
		Stable:   e.scores.stable.Report(),
		Classes:  e.spec.Classes,
		Grown:    slices.Clone(e.grown),
	}
	r.Anchors = e.anchors.Report()
	for _, a := range e.arms {
		r.Arms = append(r.Arms, a.Report())
	}
	return r
}
