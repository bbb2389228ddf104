package trial

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/scenario"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
)

const (
	// scoreRows is how many rows are predicted at a time.
	scoreRows = 256
	// stride is how far apart in the log events stand. Ticks stand in between, so
	// that no event's position, by which random streams go, depends on how often the
	// learner is looked at. A log may have gaps.
	stride = 8
)

// A learner is an engine, the log that it is fed from, and a server of what it publishes.
type learner struct {
	engine    *engine.Engine
	spec      models.Spec
	predictor *models.Predictor
	loaded    *models.Frozen // in the predictor
	position  uint64
	now       int64 // log time
	task      map[string]string
	batch     models.Batch
	out       []float32
}

func newLearner(cfg engine.Config) (*learner, error) {
	e, err := engine.New(cfg, nil)
	if err != nil {
		return nil, err
	}
	l := &learner{engine: e, now: int64(protocol.Flush)}
	if err := l.shape(cfg.Spec); err != nil {
		return nil, err
	}
	return l, l.serve(e.Announce())
}

// shape makes room for weights of a spec, with as many classes as they know.
func (l *learner) shape(s models.Spec) (err error) {
	l.spec, l.loaded = s, nil
	l.out = make([]float32, scoreRows*s.Outputs())
	l.predictor, err = models.NewPredictor(s, scoreRows)
	return err
}

// next moves to the position of the next event.
func (l *learner) next() { l.position += stride - l.position%stride }

// apply applies a record at the log's position.
func (l *learner) apply(rec *feedback.Record) error {
	effects, err := l.engine.Apply(engine.Record{Position: l.position, Time: l.now, Event: rec})
	if err != nil {
		return fmt.Errorf("record %d: %w", l.position, err)
	}
	return l.serve(effects)
}

// serve loads what is published, as a server of the candidate does.
func (l *learner) serve(effects []engine.Effect) error {
	for _, e := range effects {
		switch e := e.(type) {
		case engine.Publish:
			if e.Spec.Outputs() != l.spec.Outputs() {
				if err := l.shape(e.Spec); err != nil {
					return fmt.Errorf("version %d: %w", e.Version, err)
				}
			}
			if err := l.predictor.Update(e.Weights, l.loaded); err != nil {
				return fmt.Errorf("version %d: %w", e.Version, err)
			}
			l.loaded = e.Weights
		case engine.DeadLetter:
			return fmt.Errorf("record %d was refused: %v", e.Position, e.Refusal)
		}
	}
	return nil
}

// id makes an event's id from its place in the log.
func (l *learner) id() string { return "e" + strconv.FormatUint(l.position, 10) }

func (l *learner) event(kind string) feedback.Event {
	return feedback.Event{ID: l.id(), Source: "bench", Type: kind, Consent: feedback.ConsentLearn}
}

// enter says which task the following examples belong to.
func (l *learner) enter(task string) { l.task = map[string]string{protocol.TaskLabel: task} }

// learn tells a label together with the row.
func (l *learner) learn(row feature.Row, target float32) error {
	l.next()
	y := float64(target)
	return l.apply(&feedback.Record{
		Event:    l.event(feedback.TypeFeedback),
		Feedback: &feedback.Feedback{Segments: l.task, Signal: &feedback.Signal{Kind: feedback.Label, Value: &y}},
		Row:      row,
	})
}

// leave tells that a task ends, after which the learner may guard what it knows.
func (l *learner) leave(task string) error {
	l.next()
	return l.apply(&feedback.Record{
		Event:   l.event(feedback.TypeControl),
		Control: &feedback.Control{Action: feedback.Boundary, Task: task, Actor: "bench"},
	})
}

// flush lets time pass, so that a batch that waits is learned and what is new published.
func (l *learner) flush() error {
	l.now += int64(protocol.Flush)
	l.position++
	return l.apply(&feedback.Record{Event: l.event(feedback.TypeTick)})
}

// predict calls told with the answer to each example, in order: as many outputs as the
// model has by then, valid until told returns; nil where weights that grew without bound give no
// numbers.
func (l *learner) predict(examples *scenario.Examples, told func(i int, answer []float32)) error {
	k := l.spec.Outputs()
	for from := 0; from < examples.Len(); from += scoreRows {
		rows := min(scoreRows, examples.Len()-from)
		l.fill(examples, from, rows)
		err := l.predictor.Predict(l.out[:rows*k], &l.batch)
		if err != nil && !errors.Is(err, models.ErrNonFinite) {
			return fmt.Errorf("predict: %w", err)
		}
		for i := range rows {
			if err != nil {
				told(from+i, nil)
			} else {
				told(from+i, l.out[i*k:(i+1)*k])
			}
		}
	}
	return nil
}

func (l *learner) fill(examples *scenario.Examples, from, rows int) {
	n := examples.Inputs()
	if cap(l.batch.Dense) < scoreRows*n {
		l.batch.Dense = make([]float32, scoreRows*n)
	}
	l.batch.Rows, l.batch.Dense, l.batch.Categories = rows, l.batch.Dense[:rows*n], l.batch.Categories[:0]
	for i := range rows {
		examples.Dense(l.batch.Dense[i*n:(i+1)*n], from+i)
		l.batch.Categories = append(l.batch.Categories, examples.Categories(from+i)...)
	}
}
