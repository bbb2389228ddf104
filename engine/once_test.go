package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
)

func operation(id, predictionID string, op feedback.Operation, value *float64) *feedback.Record {
	rec := &feedback.Record{
		Event:    event(feedback.TypeFeedback, id),
		Feedback: &feedback.Feedback{PredictionID: predictionID, Operation: &op},
	}
	if value != nil {
		rec.Feedback.Signal = &feedback.Signal{Kind: feedback.Label, Value: value}
	}
	return rec
}

// A producer that keeps its prediction ids and gives its events new ones must not have an
// example learned again, wherever the first one is by then.
func TestAPredictionIDUsedAgainIsNotLearnedTwice(t *testing.T) {
	for _, tc := range []struct {
		name  string
		after time.Duration
		fill  int
	}{
		{"while it is in the window", time.Second, 0},
		{"after its time was up", 2 * time.Minute, 0},
		{"after it was pushed out", time.Second, 250},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			l := newTape()
			x := row(r)
			l.add(0, prediction("p", x, 0.5))
			l.add(0, label("first", "p", 1))
			for i := range tc.fill {
				l.add(0, prediction(fmt.Sprint("q", i), x, 0.5))
			}
			again := prediction("p", x, 0.5)
			again.ID = "another event"
			l.add(tc.after, again)
			l.add(0, label("second", "p", 1))
			l.add(time.Second, tick("t"))
			e := newEngine(t, config())
			apply(t, e, l.records)
			rep := e.Report()
			require.EqualValues(t, 1, rep.Arms[0].Counts.Learned)
			require.EqualValues(t, 1, rep.Signals.RepeatedID)
			require.EqualValues(t, 1, rep.Served.Window.N)
		})
	}
}

// What was taken back while it waited was not scored: said again it is scored as it is
// learned, in whatever order and however many records later.
func TestWhatWasTakenBackUnscoredIsScoredBeforeItIsLearned(t *testing.T) {
	yes, no := 1.0, 0.0
	for _, tc := range []struct {
		name string
		say  func(l *tape)
	}{
		{"withdrawn, and said again", func(l *tape) {
			l.add(0, prediction("p", row(rand.New(rand.NewPCG(1, 1))), 0.5))
			l.add(0, label("a", "p", yes))
			l.add(0, operation("w", "", feedback.Operation{Kind: feedback.Withdraw, EventID: "a"}, nil))
			l.add(0, label("b", "p", no))
		}},
		{"said again the same", func(l *tape) {
			l.add(0, prediction("p", row(rand.New(rand.NewPCG(1, 1))), 0.5))
			l.add(0, label("a", "p", yes))
			l.add(0, operation("w", "", feedback.Operation{Kind: feedback.Withdraw, EventID: "a"}, nil))
			l.add(0, label("b", "p", yes))
		}},
		{"said again a batch later", func(l *tape) {
			l.add(0, prediction("p", row(rand.New(rand.NewPCG(1, 1))), 0.5))
			l.add(0, label("a", "p", yes))
			l.add(0, operation("w", "", feedback.Operation{Kind: feedback.Withdraw, EventID: "a"}, nil))
			l.add(time.Second, label("b", "p", no))
		}},
		{"all in one record", func(l *tape) {
			l.add(0, label("a", "p", yes))
			l.add(0, operation("w", "", feedback.Operation{Kind: feedback.Withdraw, EventID: "c"}, nil))
			l.add(0, label("b", "p", no))
			l.add(0, operation("v", "", feedback.Operation{Kind: feedback.Withdraw, EventID: "a"}, nil))
			l.add(0, prediction("p", row(rand.New(rand.NewPCG(1, 1))), 0.5))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newTape()
			tc.say(l)
			for i := range 3 {
				l.add(100*time.Millisecond, tick(fmt.Sprint("t", i)))
			}
			whole := newEngine(t, config())
			apply(t, whole, l.records)
			rep := whole.Report()
			require.EqualValues(t, 1, rep.Arms[0].Counts.Learned)
			require.EqualValues(t, 1, rep.Served.Window.N)
			require.EqualValues(t, 1, rep.Arms[0].Prequential.Window.N)

			for cut := range l.records { // what was not scored is part of the state
				e := newEngine(t, config())
				apply(t, e, l.records[:cut])
				e = copied(t, config(), e)
				apply(t, e, l.records[cut:])
				require.Equal(t, hash(t, whole), hash(t, e), "restored after %d records", cut)
			}
		})
	}
}

// What was scored is not scored again, whatever is said of it later.
func TestWhatWasScoredIsNotScoredAgain(t *testing.T) {
	l := newTape()
	l.add(0, prediction("p", row(rand.New(rand.NewPCG(1, 1))), 0.5))
	l.add(0, label("a", "p", 1))
	l.add(time.Second, tick("learn it"))
	l.add(time.Second, operation("w", "", feedback.Operation{Kind: feedback.Withdraw, EventID: "a"}, nil))
	l.add(0, label("b", "p", 0))
	l.add(time.Second, tick("t"))
	e := newEngine(t, config())
	apply(t, e, l.records)
	rep := e.Report()
	require.EqualValues(t, 2, rep.Arms[0].Counts.Learned)
	require.EqualValues(t, 1, rep.Arms[0].Prequential.Window.N)
}
