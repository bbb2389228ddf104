package signal_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
)

// desk drives a window by hand: each call is one record, a second of log time apart
// unless wait says otherwise.
type desk struct {
	w        *signal.Window
	position uint64
	now      int64
	past     past
	got      []signal.Resolution
}

type past map[string]bool

func (p past) Prediction(id string) bool { return p["prediction "+id] }
func (p past) Event(id string) bool      { return p["event "+id] }

func newDesk(cfg signal.Config, task models.Task) *desk {
	return &desk{w: signal.NewWindow(cfg.WithDefaults(), task, ""), past: past{}}
}

func (d *desk) step() {
	d.position++
	d.now += int64(time.Second)
	d.w.Advance(d.position, d.now)
}

func (d *desk) take() { d.got = append(d.got, d.w.Take()...) }

func (d *desk) wait(t time.Duration) *desk {
	d.now += int64(t)
	d.position++
	d.w.Advance(d.position, d.now)
	d.take()
	return d
}

func (d *desk) predict(id string, outputs ...float64) *desk {
	return d.predictAs(id, feedback.ConsentLearn, outputs...)
}

func (d *desk) predictAs(id string, c feedback.Consent, outputs ...float64) *desk {
	d.step()
	d.w.Predict(&feedback.Record{
		Event:      feedback.Event{ID: "e-" + id, Consent: c},
		Prediction: &feedback.Prediction{ID: id, Outputs: outputs, Channel: feedback.ChannelStable},
		Row:        feature.Row{Dense: []float32{1, 2}},
	}, d.position, d.now, d.past)
	d.past["prediction "+id] = true
	d.take()
	return d
}

func (d *desk) feedback(event string, c feedback.Consent, f feedback.Feedback) *desk {
	d.step()
	d.w.Feedback(&feedback.Record{Event: feedback.Event{ID: event, Consent: c}, Feedback: &f},
		d.position, d.now, d.past)
	d.past["event "+event] = true
	d.take()
	return d
}

func (d *desk) say(event, prediction string, s feedback.Signal) *desk {
	return d.feedback(event, feedback.ConsentLearn, feedback.Feedback{PredictionID: prediction, Signal: &s})
}

func label(v float64) feedback.Signal { return feedback.Signal{Kind: feedback.Label, Value: &v} }
func click() feedback.Signal          { return feedback.Signal{Kind: feedback.Click} }
func correct(b bool) feedback.Signal  { return feedback.Signal{Kind: feedback.Correctness, Correct: &b} }

func withdraw(event, prediction string) feedback.Feedback {
	return feedback.Feedback{
		PredictionID: prediction,
		Operation:    &feedback.Operation{Kind: feedback.Withdraw, EventID: event},
	}
}

func amend(event string, s feedback.Signal) feedback.Feedback {
	return feedback.Feedback{Signal: &s, Operation: &feedback.Operation{Kind: feedback.Amend, EventID: event}}
}

// said renders resolutions as "outcome id target weight".
func said(rs []signal.Resolution) []string {
	var out []string
	for _, r := range rs {
		name := [...]string{"new", "revise", "reweigh", "retract"}[r.Outcome]
		if r.Example == nil {
			out = append(out, name+" "+r.ID)
			continue
		}
		not, learn := "", ""
		if r.Example.Negative {
			not = "not "
		}
		if !r.Learn {
			learn = " unlearned"
		}
		out = append(out, fmt.Sprintf("%s %s %s%g @%.2f%s", name, r.ID, not, r.Example.Target, r.Example.Weight, learn))
	}
	return out
}

func TestWindowJoinsSignalsWithTheirPrediction(t *testing.T) {
	learn, measure := feedback.ConsentLearn, feedback.ConsentMeasure
	for _, tc := range []struct {
		name string
		task models.Task
		cfg  signal.Config
		do   func(d *desk)
		want []string
		n    func(c *signal.Counts) // the counts expected beside predictions, signals and resolved
	}{
		{
			name: "a label makes an example at once",
			do:   func(d *desk) { d.predict("p", 0.2).say("a", "p", label(1)) },
			want: []string{"new p 1 @1.00"},
		},
		{
			name: "a signal that arrives before its prediction waits for it",
			do:   func(d *desk) { d.say("a", "p", label(1)).predict("p", 0.2) },
			want: []string{"new p 1 @1.00"},
		},
		{
			name: "a signal whose prediction never comes is unknown",
			do:   func(d *desk) { d.say("a", "p", label(1)).wait(2*time.Minute).predict("p", 0.2) },
			n:    func(c *signal.Counts) { c.Unknown = 1 },
		},
		{
			name: "a signal after the window is late",
			do:   func(d *desk) { d.predict("p", 0.2).wait(73*time.Hour).say("a", "p", label(1)) },
			n:    func(c *signal.Counts) { c.Late, c.Unlabelled = 1, 1 },
		},
		{
			name: "a contradiction lowers the weight, and the reliable signal decides",
			do:   func(d *desk) { d.predict("p", 0.2).say("a", "p", click()).say("b", "p", label(0)) },
			want: []string{"new p 1 @0.30", "revise p 0 @0.77"},
			n:    func(c *signal.Counts) { c.Revised = 1 },
		},
		{
			name: "while it settles, several signals make one example",
			cfg:  signal.Config{Join: signal.Join{Settle: time.Minute}},
			do: func(d *desk) {
				d.predict("p", 0.2).say("a", "p", click()).say("b", "p", label(0)).wait(time.Minute)
			},
			want: []string{"new p 0 @0.77"},
		},
		{
			name: "agreement does not raise the weight above the most reliable signal's",
			do:   func(d *desk) { d.predict("p", 0.9).say("a", "p", label(1)).say("b", "p", click()) },
			want: []string{"new p 1 @1.00"},
		},
		{
			name: "equal and opposite signals cancel out",
			do:   func(d *desk) { d.predict("p", 0.9).say("a", "p", correct(true)).say("b", "p", correct(false)) },
			want: []string{"new p 1 @0.90", "revise p 0 @0.45"},
			n:    func(c *signal.Counts) { c.Revised = 1 },
		},
		{
			name: "wrong, in a multiclass task, says only what it is not",
			task: models.Multiclass,
			do:   func(d *desk) { d.predict("p", 0.1, 0.7, 0.2).say("a", "p", correct(false)) },
			want: []string{"new p not 1 @0.90"},
		},
		{
			name: "a preference confirms one prediction and contradicts the other",
			do: func(d *desk) {
				d.predict("p", 0.9).predict("q", 0.8).say("a", "p", feedback.Signal{Kind: feedback.Preference, Over: "q"})
			},
			want: []string{"new p 1 @0.60", "new q 0 @0.60"},
		},
		{
			name: "confidence scales the weight",
			do: func(d *desk) {
				half := 0.5
				s := correct(true)
				s.Confidence = &half
				d.predict("p", 0.9).say("a", "p", s)
			},
			want: []string{"new p 1 @0.45"},
		},
		{
			name: "a skip of a number has no target",
			task: models.Regression,
			do:   func(d *desk) { d.predict("p", 3).say("a", "p", feedback.Signal{Kind: feedback.Skip}) },
			n:    func(c *signal.Counts) { c.NoTarget = 1 },
		},
		{
			name: "an amended label replaces the learned one",
			do: func(d *desk) {
				d.predict("p", 0.2).say("a", "p", label(1)).feedback("b", learn, amend("a", label(0)))
			},
			want: []string{"new p 1 @1.00", "revise p 0 @1.00"},
			n:    func(c *signal.Counts) { c.AmendedAfter, c.Revised = 1, 1 },
		},
		{
			name: "an amendment can be amended",
			do: func(d *desk) {
				d.predict("p", 0.2).say("a", "p", label(1)).
					feedback("b", learn, amend("a", label(0))).feedback("c", learn, amend("b", label(1)))
			},
			want: []string{"new p 1 @1.00", "revise p 0 @1.00", "revise p 1 @1.00"},
			n:    func(c *signal.Counts) { c.AmendedAfter, c.Revised = 2, 2 },
		},
		{
			name: "an amendment that arrives before what it amends waits for it",
			do: func(d *desk) {
				d.predict("p", 0.2).feedback("b", learn, amend("a", label(0))).say("a", "p", label(1))
			},
			want: []string{"new p 1 @1.00", "revise p 0 @1.00"},
			n:    func(c *signal.Counts) { c.AmendedAfter, c.Revised = 1, 1 },
		},
		{
			name: "a signal withdrawn while it waits for its prediction is never an example",
			do: func(d *desk) {
				d.say("a", "p", label(1)).feedback("b", learn, withdraw("a", "")).predict("p", 0.2)
			},
			n: func(c *signal.Counts) { c.Withdrawn = 1 },
		},
		{
			name: "a signal amended while it waits for its prediction arrives amended",
			do: func(d *desk) {
				d.say("a", "p", label(1)).feedback("b", learn, amend("a", label(0))).feedback("c", learn, amend("b", click())).predict("p", 0.2)
			},
			want: []string{"new p 1 @0.30"},
			n:    func(c *signal.Counts) { c.Amended = 2 },
		},
		{
			name: "a withdrawal that comes before a signal that comes before its prediction still holds",
			do: func(d *desk) {
				d.feedback("b", learn, withdraw("a", "")).say("a", "p", label(1)).predict("p", 0.2)
			},
			n: func(c *signal.Counts) { c.Withdrawn = 1 },
		},
		{
			name: "a preference withdrawn half way leaves neither side",
			do: func(d *desk) {
				d.predict("p", 0.9).say("a", "p", feedback.Signal{Kind: feedback.Preference, Over: "q"}).
					feedback("b", learn, withdraw("a", "")).predict("q", 0.8)
			},
			want: []string{"new p 1 @0.60", "retract p"},
			n:    func(c *signal.Counts) { c.Withdrawn, c.WithdrawnAfter = 1, 1 },
		},
		{
			name: "the rejected side of a preference stays rejected when it is amended",
			do: func(d *desk) {
				half := 0.5
				again := feedback.Signal{Kind: feedback.Preference, Over: "q", Confidence: &half}
				d.predict("p", 0.9).predict("q", 0.8).say("a", "p", feedback.Signal{Kind: feedback.Preference, Over: "q"}).
					feedback("b", learn, amend("a", again))
			},
			want: []string{"new p 1 @0.60", "new q 0 @0.60", "reweigh p 1 @0.30", "reweigh q 0 @0.30"},
			n:    func(c *signal.Counts) { c.AmendedAfter, c.Reweighed = 2, 2 },
		},
		{
			name: "a preference amended to a label speaks of the preferred prediction alone",
			do: func(d *desk) {
				d.predict("p", 0.9).predict("q", 0.8).say("a", "p", feedback.Signal{Kind: feedback.Preference, Over: "q"}).
					feedback("b", learn, amend("a", label(0)))
			},
			want: []string{"new p 1 @0.60", "new q 0 @0.60", "revise p 0 @1.00", "retract q"},
			n:    func(c *signal.Counts) { c.AmendedAfter, c.Revised = 2, 1 },
		},
		{
			name: "an amended signal is withdrawn by its first id",
			do: func(d *desk) {
				d.predict("p", 0.2).say("a", "p", label(1)).feedback("b", learn, amend("a", label(0))).
					feedback("c", learn, withdraw("a", ""))
			},
			want: []string{"new p 1 @1.00", "revise p 0 @1.00", "retract p"},
			n:    func(c *signal.Counts) { c.AmendedAfter, c.Revised, c.WithdrawnAfter = 1, 1, 1 },
		},
		{
			name: "an amendment and a withdrawal that come before their signal both hold",
			do: func(d *desk) {
				d.predict("p", 0.2).feedback("b", learn, amend("a", label(0))).feedback("c", learn, withdraw("a", "")).
					say("a", "p", label(1))
			},
			want: []string{"new p 1 @1.00", "revise p 0 @1.00", "retract p"},
			n:    func(c *signal.Counts) { c.AmendedAfter, c.Revised, c.WithdrawnAfter = 1, 1, 1 },
		},
		{
			name: "an amendment withdrawn while it waits takes back what it would have amended",
			do: func(d *desk) {
				d.predict("p", 0.2).feedback("b", learn, amend("a", label(0))).feedback("c", learn, withdraw("b", "")).
					say("a", "p", label(1))
			},
			want: []string{"new p 1 @1.00", "retract p"},
			n:    func(c *signal.Counts) { c.Withdrawn, c.WithdrawnAfter = 1, 1 },
		},
		{
			name: "signals beyond the bound on one prediction are only counted",
			cfg:  signal.Config{Join: signal.Join{MaxSignals: 2}},
			do: func(d *desk) {
				d.predict("p", 0.2).say("a", "p", click()).say("b", "p", click()).say("c", "p", label(0))
			},
			want: []string{"new p 1 @0.30"},
			n:    func(c *signal.Counts) { c.Surplus = 1 },
		},
		{
			name: "a withdrawn signal takes its example back",
			do:   func(d *desk) { d.predict("p", 0.2).say("a", "p", label(1)).feedback("b", learn, withdraw("a", "")) },
			want: []string{"new p 1 @1.00", "retract p"},
			n:    func(c *signal.Counts) { c.WithdrawnAfter = 1 },
		},
		{
			name: "a signal withdrawn while it settles was never an example",
			cfg:  signal.Config{Join: signal.Join{Settle: time.Minute}},
			do: func(d *desk) {
				d.predict("p", 0.2).say("a", "p", label(1)).feedback("b", learn, withdraw("a", "")).wait(time.Hour)
			},
			n: func(c *signal.Counts) { c.Withdrawn = 1 },
		},
		{
			name: "a withdrawn prediction takes no further signal",
			do: func(d *desk) {
				d.predict("p", 0.2).say("a", "p", label(1)).feedback("b", learn, withdraw("", "p")).say("c", "p", label(1))
			},
			want: []string{"new p 1 @1.00", "retract p"},
			n:    func(c *signal.Counts) { c.WithdrawnAfter, c.AfterWithdrawal = 1, 1 },
		},
		{
			name: "a prediction is withdrawn even after it left the window",
			do: func(d *desk) {
				d.predict("p", 0.2).say("a", "p", label(1)).wait(73*time.Hour).feedback("b", learn, withdraw("", "p"))
			},
			want: []string{"new p 1 @1.00", "retract p"},
			n:    func(c *signal.Counts) { c.Late = 1 },
		},
		{
			name: "consent to be measured does not let a signal be learned",
			do: func(d *desk) {
				d.predict("p", 0.2).feedback("a", measure, feedback.Feedback{PredictionID: "p", Signal: ptr(label(1))})
			},
			want: []string{"new p 1 @1.00 unlearned"},
			n:    func(c *signal.Counts) { c.MeasuredOnly = 1 },
		},
		{
			name: "nor does consent given with the signal alone",
			do:   func(d *desk) { d.predictAs("p", measure, 0.2).say("a", "p", label(1)) },
			want: []string{"new p 1 @1.00 unlearned"},
			n:    func(c *signal.Counts) { c.MeasuredOnly = 1 },
		},
		{
			name: "the oldest prediction leaves first when the window is full",
			cfg:  signal.Config{Join: signal.Join{MaxPredictions: 2}},
			do: func(d *desk) {
				d.predict("p", 0.2).predict("q", 0.2).predict("r", 0.2).say("a", "p", label(1)).say("b", "r", label(1))
			},
			want: []string{"new r 1 @1.00"},
			n:    func(c *signal.Counts) { c.Evicted, c.Late = 1, 1 },
		},
		{
			name: "a prediction with a signal resolves before it is pushed out",
			cfg:  signal.Config{Join: signal.Join{MaxPredictions: 1, Settle: time.Hour}},
			do:   func(d *desk) { d.predict("p", 0.2).say("a", "p", label(1)).predict("q", 0.2) },
			want: []string{"new p 1 @1.00"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			task := tc.task
			if task == "" {
				task = models.Binary
			}
			d := newDesk(tc.cfg, task)
			tc.do(d)
			require.Equal(t, tc.want, said(d.got))
			got := d.w.Counts()
			want := signal.Counts{Predictions: got.Predictions, Signals: got.Signals, Resolved: got.Resolved}
			if tc.n != nil {
				tc.n(&want)
			}
			require.Equal(t, want, got)
		})
	}
}

func ptr[T any](v T) *T { return &v }

// script drives a desk by a seed through everything that can happen to a window.
func script(d *desk, seed uint64, from, to int, check func(step int)) {
	for i := from; i < to; i++ {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		p := fmt.Sprintf("p%d", r.IntN(40)+i/8)
		event := fmt.Sprintf("e%d", i)
		earlier := fmt.Sprintf("e%d", i-r.IntN(30)+5)
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			d.predict(p, r.Float64())
		case 4:
			d.say(event, p, click())
		case 5:
			d.say(event, p, label(float64(r.IntN(2))))
		case 6:
			d.say(event, p, feedback.Signal{Kind: feedback.Preference, Over: p + "0"})
		case 7:
			d.feedback(event, feedback.ConsentLearn, amend(earlier, label(float64(r.IntN(2)))))
		case 8:
			d.feedback(event, feedback.ConsentLearn, withdraw(earlier, ""))
		default:
			d.wait(time.Duration(r.IntN(100)) * time.Second)
		}
		check(i)
	}
}

func TestRestoredWindowGoesOnAsTheOriginal(t *testing.T) {
	cfg := signal.Config{Join: signal.Join{
		Window: 10 * time.Minute, Settle: 5 * time.Second, OrphanWait: 30 * time.Second, MaxPredictions: 30, MaxOrphans: 8,
	}}
	for seed := range uint64(20) {
		whole := newDesk(cfg, models.Binary)
		script(whole, seed, 0, 600, func(int) {})

		parts := newDesk(cfg, models.Binary)
		script(parts, seed, 0, 600, func(step int) {
			if step%37 != 0 {
				return
			}
			var buf bytes.Buffer
			require.NoError(t, parts.w.Snapshot().Write(&buf))
			parts.w = signal.NewWindow(cfg.WithDefaults(), models.Binary, "")
			require.NoError(t, parts.w.Restore(buf.Bytes()))
			var again bytes.Buffer
			require.NoError(t, parts.w.Snapshot().Write(&again))
			require.Equal(t, buf.Bytes(), again.Bytes(), "a state changes on its way through Restore")
		})
		require.Equal(t, said(whole.got), said(parts.got), "seed %d", seed)
		require.Equal(t, whole.w.Counts(), parts.w.Counts(), "seed %d", seed)
		require.Equal(t, whole.w.Bytes(), parts.w.Bytes(), "seed %d", seed)
		require.NotZero(t, whole.w.Counts().Revised, "the script never revised")
		require.NotZero(t, whole.w.Counts().Evicted+whole.w.Counts().Unlabelled, "the script never evicted")
	}
}

func TestBytesReturnToZeroWhenEverythingLeft(t *testing.T) {
	d := newDesk(signal.Config{}, models.Binary)
	script(d, 1, 0, 2000, func(int) {})
	d.wait(100 * time.Hour)
	require.Zero(t, d.w.Len())
	require.Zero(t, d.w.Orphans())
	require.Zero(t, d.w.Bytes())
}

func TestRestoreRefusesDamageAndKeepsTheWindow(t *testing.T) {
	d := newDesk(signal.Config{}, models.Binary).predict("p", 0.2)
	var buf bytes.Buffer
	require.NoError(t, d.w.Snapshot().Write(&buf))
	require.Error(t, d.w.Restore(buf.Bytes()[:buf.Len()-1]))
	d.say("a", "p", label(1))
	require.Equal(t, []string{"new p 1 @1.00"}, said(d.got))
}
