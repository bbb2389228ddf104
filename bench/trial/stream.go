package trial

import (
	"context"
	"fmt"

	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/scenario"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
)

// A Block is a stretch of a stream.
type Block struct {
	Row      int64   `json:"row"`      // the last of it, from 1
	Accuracy float64 `json:"accuracy"` // of the predictions in it, before their labels came
	// Anchor is the accuracy on the first rows of the stream, once all of them were
	// learned.
	Anchor *float64 `json:"anchor,omitempty"`
}

const (
	defaultBlock = 500            // rows
	streamStep   = protocol.Flush // of log time, between two rows
)

// stream predicts each row when it comes, and tells its label so many rows later.
func (r *run) stream(ctx context.Context) error {
	if r.scenario.Classes == 0 {
		return fmt.Errorf("scenario.kind: a stream is scored by classes, and %s has values", r.Suite.Data)
	}
	rows := r.scenario.Tasks[0].Train
	delay, anchor := r.scenario.Config.Delay, rows.Head(r.scenario.Config.Anchor)
	block := r.Suite.Look.Every
	if block == 0 {
		block = defaultBlock
	}
	r.total = int64(rows.Len())
	begun := r.Clock()
	right, inBlock := 0, 0
	for i := range rows.Len() {
		x := rows.Row(i)
		hit, err := r.meet(rows, i, x)
		if err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
		if hit {
			right++
			inBlock++
		}
		if past := i - delay; past >= 0 {
			if err := r.tell(rows, past); err != nil {
				return fmt.Errorf("row %d: %w", past+1, err)
			}
		}
		if (i+1)%block != 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r.Progress(int64(i+1), r.total)
		b := Block{Row: int64(i + 1), Accuracy: float64(inBlock) / float64(block)}
		inBlock = 0
		if n := anchor.Len(); n > 0 && i >= n+delay {
			err := r.looking(func() error {
				a, err := accuracy(r.subject, anchor, nil)
				b.Anchor = &a
				return err
			})
			if err != nil {
				return err
			}
		}
		r.outcome.Stream = append(r.outcome.Stream, b)
	}
	r.outcome.Train += r.Clock().Sub(begun).Seconds()
	share := float64(right) / float64(rows.Len())
	r.outcome.Prequential = &share
	return nil
}

// meet predicts a row, and tells the log what was predicted. It reports whether the
// prediction will turn out right.
func (r *run) meet(rows *scenario.Examples, i int, x feature.Row) (bool, error) {
	var answer []float32
	err := r.subject.predict(rows.Slice(i, i+1), func(_ int, a []float32) { answer = append(answer, a...) })
	if err != nil {
		return false, err
	}
	if answer == nil {
		return false, fmt.Errorf("the learner's weights give no answer: %w", models.ErrNonFinite)
	}
	hit := chosen(answer, nil) == int(rows.Target(i))
	if r.learner == nil {
		return hit, nil
	}
	return hit, r.learner.predicted(i, x, answer)
}

// tell sends the label of a row.
func (r *run) tell(rows *scenario.Examples, i int) error {
	r.outcome.Examples++
	if r.learner == nil {
		return r.subject.learn(feature.Row{}, rows.Target(i))
	}
	return r.learner.labelled(i, rows.Target(i))
}

func predictionID(i int) string { return fmt.Sprint("p", i) }

// predicted tells the log of a prediction that was served. Time moves on by a step, so
// that everything that waited for it is learned and published.
func (l *learner) predicted(i int, x feature.Row, answer []float32) error {
	outputs := make([]float64, len(answer))
	for j, v := range answer {
		outputs[j] = float64(v)
	}
	l.now += int64(streamStep)
	l.next()
	return l.apply(&feedback.Record{
		Event:      l.event(feedback.TypePrediction),
		Prediction: &feedback.Prediction{ID: predictionID(i), Outputs: outputs, Channel: feedback.ChannelCandidate},
		Row:        x,
	})
}

func (l *learner) labelled(i int, target float32) error {
	l.next()
	y := float64(target)
	return l.apply(&feedback.Record{
		Event:    l.event(feedback.TypeFeedback),
		Feedback: &feedback.Feedback{PredictionID: predictionID(i), Signal: &feedback.Signal{Kind: feedback.Label, Value: &y}},
	})
}
