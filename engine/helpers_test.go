package engine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// config is a small learner: an MLP on three numbers and a category.
func config() engine.Config {
	return engine.Config{
		Seed: 7,
		Spec: models.Spec{
			Kind: "mlp", Task: models.Binary, Dense: 3, Categories: []int{4}, Hidden: []int{8}, Activation: "relu",
		},
		Batch:      engine.Batch{Size: 8, Wait: 20 * time.Millisecond},
		Checkpoint: engine.Cadence{Every: 500 * time.Millisecond, Records: 400},
		Signals:    signal.Config{Join: signal.Join{Window: time.Minute, OrphanWait: 5 * time.Second, MaxPredictions: 200}},
		Seen:       engine.Seen{MaxIDs: 1 << 17},
		Arms:       []arm.Config{learner("learner", replay.Reservoir, 0.01)},
	}
}

func learner(name string, kind replay.Kind, rate float64) arm.Config {
	return arm.Config{
		Name: name,
		Optimizer: []optim.Config{
			{Clip: &optim.Clip{Norm: 1}},
			{AdamW: &optim.AdamW{LearningRate: rate}},
		},
		Replay: replay.Config{Kind: kind, Capacity: 64},
	}
}

// tape is a log made by hand.
type tape struct {
	records  []engine.Record
	position uint64
	now      int64
}

func newTape() *tape { return &tape{now: int64(1000 * time.Second)} }

// add appends a record so long after the one before.
func (l *tape) add(after time.Duration, rec *feedback.Record) {
	l.position++
	l.now += int64(after)
	l.records = append(l.records, engine.Record{Position: l.position, Time: l.now, Event: rec})
}

// gap skips a position, as an erased record does.
func (l *tape) gap() { l.position++ }

func row(r *rand.Rand) feature.Row {
	return feature.Row{
		Dense:      []float32{float32(r.NormFloat64()), float32(r.NormFloat64()), float32(r.NormFloat64())},
		Categories: []int32{int32(r.IntN(4))},
	}
}

// truth is what the learner should find out.
func truth(x feature.Row) float64 {
	if x.Dense[0]-x.Dense[1]+float32(x.Categories[0])-1.5 > 0 {
		return 1
	}
	return 0
}

func event(kind, id string) feedback.Event {
	return feedback.Event{ID: id, Source: "test", Type: kind, Subject: "person-1", Consent: feedback.ConsentLearn}
}

func prediction(id string, x feature.Row, p float64) *feedback.Record {
	return &feedback.Record{
		Event:      event(feedback.TypePrediction, id),
		Prediction: &feedback.Prediction{ID: id, Outputs: []float64{p}, Channel: feedback.ChannelStable},
		Row:        x,
	}
}

func label(id, predictionID string, y float64) *feedback.Record {
	return &feedback.Record{
		Event: event(feedback.TypeFeedback, id),
		Feedback: &feedback.Feedback{
			PredictionID: predictionID, Signal: &feedback.Signal{Kind: feedback.Label, Value: &y},
		},
	}
}

func selfContained(id string, x feature.Row, y float64) *feedback.Record {
	rec := label(id, "", y)
	rec.Row = x
	return rec
}

func control(id string, c feedback.Control) *feedback.Record {
	return &feedback.Record{Event: event(feedback.TypeControl, id), Control: &c}
}

func tick(id string) *feedback.Record { return &feedback.Record{Event: event(feedback.TypeTick, id)} }

// traffic writes n rounds of everything that can stand in a log, by a seed: joins in
// and out of order, duplicates, amendments, withdrawals, measured-only events, ticks,
// gaps and refusals.
func traffic(seed uint64, n int) *tape {
	r := rand.New(rand.NewPCG(seed, 1))
	l := newTape()
	pause := func() time.Duration { return time.Duration(r.IntN(8)) * time.Millisecond }
	for i := range n {
		id := fmt.Sprintf("p%d", i)
		x := row(r)
		y := truth(x)
		switch r.IntN(12) {
		case 0: // the label first
			l.add(pause(), label("l"+id, id, y))
			l.add(pause(), prediction(id, x, 0.5))
		case 1: // twice
			l.add(pause(), prediction(id, x, 0.5))
			l.add(pause(), label("l"+id, id, y))
			l.add(pause(), label("l"+id, id, y))
			l.add(pause(), prediction(id, x, 0.5))
		case 2: // amended
			l.add(pause(), prediction(id, x, 0.5))
			l.add(pause(), label("l"+id, id, 1-y))
			rec := label("a"+id, "", y)
			rec.Feedback.Operation = &feedback.Operation{Kind: feedback.Amend, EventID: "l" + id}
			l.add(pause(), rec)
		case 3: // withdrawn
			l.add(pause(), prediction(id, x, 0.5))
			l.add(pause(), label("l"+id, id, y))
			rec := label("w"+id, id, 0)
			rec.Feedback.Signal, rec.Feedback.Operation = nil, &feedback.Operation{Kind: feedback.Withdraw}
			l.add(pause(), rec)
		case 4:
			rec := selfContained("s"+id, x, y)
			rec.Consent = feedback.ConsentMeasure
			l.add(pause(), rec)
		case 5:
			l.add(30*time.Millisecond, tick("t"+id))
		case 6:
			l.gap()
		case 7:
			l.add(pause(), nil)
			last := &l.records[len(l.records)-1]
			last.Refusal = &feedback.Refusal{Code: feedback.CodeMalformed, Field: "data", Rule: "must be JSON"}
			last.Keep = i%2 == 0
		case 8, 9:
			l.add(pause(), selfContained("s"+id, x, y))
		default:
			l.add(pause(), prediction(id, x, 0.5))
			l.add(pause(), label("l"+id, id, y))
		}
	}
	return l
}

func newEngine(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	e, err := engine.New(cfg, nil)
	require.NoError(t, err)
	return e
}

// apply feeds records and returns the effects as text.
func apply(t testing.TB, e *engine.Engine, records []engine.Record) []string {
	t.Helper()
	var out []string
	for _, rec := range records {
		effects, err := e.Apply(rec)
		require.NoError(t, err, "record %d", rec.Position)
		for _, f := range effects {
			out = append(out, describe(f))
		}
	}
	return out
}

func describe(f engine.Effect) string {
	switch f := f.(type) {
	case engine.Publish:
		return fmt.Sprintf("publish %d %x", f.Version, f.Weights.Params()[0].Data[:2])
	case engine.MoveChannel:
		return fmt.Sprintf("%s %d", f.Channel, f.Version)
	case engine.Checkpoint:
		return fmt.Sprintf("checkpoint %d", f.Version)
	case engine.DeadLetter:
		return fmt.Sprintf("dead letter %d %v", f.Position, f.Bare)
	case engine.Erase:
		return fmt.Sprintf("erase %d", f.Position)
	}
	return "?"
}

// copied takes a state through its bytes into a new engine.
func copied(t testing.TB, cfg engine.Config, e *engine.Engine) *engine.Engine {
	t.Helper()
	fresh := newEngine(t, cfg)
	require.NoError(t, fresh.Restore(readFrom(partsOf(t, e))))
	return fresh
}

// partsOf returns a snapshot's bytes by their names.
func partsOf(t testing.TB, e *engine.Engine) map[string][]byte {
	t.Helper()
	parts, err := e.Snapshot()
	require.NoError(t, err)
	stored := map[string][]byte{}
	for _, p := range parts {
		var buf bytes.Buffer
		require.NoError(t, p.Write(&buf))
		require.NotContains(t, stored, p.Name)
		stored[p.Name] = buf.Bytes()
	}
	return stored
}

func readFrom(stored map[string][]byte) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		data, ok := stored[name]
		if !ok {
			return nil, fmt.Errorf("no part %s", name)
		}
		return data, nil
	}
}

func hash(t testing.TB, e *engine.Engine) string {
	t.Helper()
	h, err := e.Hash()
	require.NoError(t, err)
	return h
}

// memories lists a configuration for every kind of memory, and for every way of holding
// and retrieving.
func memories() []replay.Config {
	var list []replay.Config
	for _, kind := range replay.Kinds() {
		list = append(list, replay.Config{Kind: kind, Capacity: 64})
	}
	return append(list,
		replay.Config{Capacity: 64, Retrieve: replay.Retrieve{Kind: replay.Balanced}, Logits: true},
		replay.Config{Capacity: 64, Retrieve: replay.Retrieve{Kind: replay.Interfered, Candidates: 20}},
		replay.Config{Kind: replay.LossAware, Capacity: 32, Retrieve: replay.Retrieve{Kind: replay.Interfered, Candidates: 20}},
		replay.Config{Kind: replay.RingBuffer, By: replay.BySegment, Store: replay.Uint8, MaxBytes: 220_000, Logits: true},
		replay.Config{Kind: replay.RecencyMixed, MaxBytes: 12_000, Store: replay.Uint8},
	)
}
