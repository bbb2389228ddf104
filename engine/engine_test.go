package engine_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

func TestRestoredEngineGoesOnBitForBit(t *testing.T) {
	forgotten := uint64(0)
	for seed, memory := range memories() {
		seed := uint64(seed)
		cfg := config()
		cfg.Arms[0].Replay = memory
		log := traffic(seed, 600).records

		whole := newEngine(t, cfg)
		want := apply(t, whole, log)

		broken := newEngine(t, cfg)
		var got []string
		r := rand.New(rand.NewPCG(seed, 2))
		for at := 0; at < len(log); {
			n := min(1+r.IntN(97), len(log)-at)
			got = append(got, apply(t, broken, log[at:at+n])...)
			at += n
			before := hash(t, broken)
			broken = copied(t, cfg, broken)
			require.Equal(t, before, hash(t, broken), "seed %d: the state changes on its way through Restore after %d records", seed, at)
		}
		require.Equal(t, want, got, "seed %d", seed)
		require.Equal(t, hash(t, whole), hash(t, broken), "seed %d", seed)
		require.Equal(t, whole.Report(), broken.Report(), "seed %d", seed)

		rep := whole.Report()
		require.NotZero(t, rep.Arms[0].Counts.Steps)
		require.NotZero(t, rep.Counts.Duplicates)
		require.NotZero(t, rep.Signals.MeasuredOnly)
		forgotten += rep.Arms[0].Counts.Forgotten
	}
	require.NotZero(t, forgotten, "no memory held an example that was withdrawn")
}

func TestSnapshotStaysAsItWasWhileTheEngineGoesOn(t *testing.T) {
	cfg := config()
	log := traffic(3, 800).records
	e := newEngine(t, cfg)
	apply(t, e, log[:400])
	want := hash(t, e)
	parts, err := e.Snapshot()
	require.NoError(t, err)
	apply(t, e, log[400:])

	stored := map[string][]byte{}
	for _, p := range parts {
		var buf bytes.Buffer
		require.NoError(t, p.Write(&buf))
		stored[p.Name] = buf.Bytes()
	}
	old := newEngine(t, cfg)
	require.NoError(t, old.Restore(readFrom(stored)))
	require.Equal(t, want, hash(t, old))
	require.NotEqual(t, want, hash(t, e))
}

func TestRepeatedIDsChangeNothingButTheirCount(t *testing.T) {
	l := newTape()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 64 {
		x := row(r)
		l.add(time.Millisecond, selfContained(fmt.Sprint("s", i), x, truth(x)))
	}
	once := newEngine(t, config())
	apply(t, once, l.records)
	twice := newEngine(t, config())
	apply(t, twice, l.records)
	again := newTape()
	again.position, again.now = l.position, l.now
	for _, rec := range l.records {
		again.add(0, rec.Event)
	}
	apply(t, twice, again.records)

	a, b := once.Report(), twice.Report()
	require.Equal(t, uint64(64), b.Counts.Duplicates)
	require.Equal(t, a.Arms[0], b.Arms[0])
	require.Equal(t, a.Signals, b.Signals)
}

// Ids are remembered beyond any broker's window, up to the bound, oldest first.
func TestSeenForgetsTheOldestIDsFirst(t *testing.T) {
	cfg := config()
	cfg.Seen.MaxIDs = 1 << 16
	e := newEngine(t, cfg)
	l := newTape()
	const n = 3 << 16
	for i := range n {
		l.add(0, control(fmt.Sprint("c", i), feedback.Control{Action: feedback.Unpin}))
	}
	apply(t, e, l.records)
	require.Zero(t, e.Report().Counts.Duplicates)
	e = copied(t, cfg, e)

	recent, ancient := newTape(), newTape()
	recent.position = l.position
	for i := n - 1<<16; i < n; i++ {
		recent.add(0, control(fmt.Sprint("c", i), feedback.Control{Action: feedback.Unpin}))
	}
	apply(t, e, recent.records)
	require.Equal(t, uint64(1<<16), e.Report().Counts.Duplicates, "an id within the bound was forgotten")
	ancient.position = recent.position
	ancient.add(0, control("c0", feedback.Control{Action: feedback.Unpin}))
	apply(t, e, ancient.records)
	require.Equal(t, uint64(1<<16), e.Report().Counts.Duplicates, "memory of ids grows without bound")
}

func TestLearnsWhatItIsShown(t *testing.T) {
	e := newEngine(t, config())
	l := newTape()
	r := rand.New(rand.NewPCG(5, 1))
	for i := range 4000 {
		x := row(r)
		l.add(time.Millisecond, selfContained(fmt.Sprint("s", i), x, truth(x)))
	}
	apply(t, e, l.records)
	rep := e.Report()
	require.Greater(t, *rep.Arms[0].Prequential.Window.Accuracy, 0.93)
	require.Greater(t, *rep.Stable.Window.Accuracy, 0.93, "stable lags the learner")
	require.Equal(t, uint64(4000), rep.Arms[0].Counts.Learned)
}

func TestMeasuredFeedbackIsScoredAndNeverLearned(t *testing.T) {
	e := newEngine(t, config())
	l := newTape()
	r := rand.New(rand.NewPCG(5, 1))
	for i := range 100 {
		rec := selfContained(fmt.Sprint("s", i), row(r), 1)
		rec.Consent = feedback.ConsentMeasure
		l.add(10*time.Millisecond, rec)
	}
	l.add(time.Second, tick("t"))
	apply(t, e, l.records)
	rep := e.Report()
	require.Zero(t, rep.Arms[0].Counts.Steps)
	require.Zero(t, rep.Arms[0].MemoryLen)
	require.Equal(t, uint64(100), rep.Arms[0].Prequential.Total)
	require.Zero(t, rep.Channels.Candidate)
}

func TestWithdrawnExampleLeavesTheMemory(t *testing.T) {
	e := newEngine(t, config())
	l := newTape()
	r := rand.New(rand.NewPCG(5, 1))
	for i := range 8 {
		id := fmt.Sprint("p", i)
		l.add(time.Millisecond, prediction(id, row(r), 0.5))
		l.add(time.Millisecond, label("l"+id, id, 1))
	}
	apply(t, e, l.records)
	require.Equal(t, 8, e.Report().Arms[0].MemoryLen)

	w := newTape()
	w.position, w.now = l.position, l.now
	rec := label("w", "p3", 0)
	rec.Feedback.Signal, rec.Feedback.Operation = nil, &feedback.Operation{Kind: feedback.Withdraw}
	w.add(time.Millisecond, rec)
	apply(t, e, w.records)
	rep := e.Report()
	require.Equal(t, 7, rep.Arms[0].MemoryLen)
	require.Equal(t, uint64(1), rep.Arms[0].Counts.Forgotten)
	require.Equal(t, uint64(1), rep.Signals.WithdrawnAfter)
}

func TestOutcomeIsScoredAgainstWhatWasServed(t *testing.T) {
	e := newEngine(t, config())
	l := newTape()
	r := rand.New(rand.NewPCG(5, 1))
	for i := range 40 {
		id := fmt.Sprint("p", i)
		x := row(r)
		served := 0.9 // always wrong, whatever the weights say by now
		if truth(x) == 1 {
			served = 0.1
		}
		l.add(time.Millisecond, prediction(id, x, served))
		l.add(time.Millisecond, label("l"+id, id, truth(x)))
	}
	apply(t, e, l.records)
	rep := e.Report()
	require.Equal(t, uint64(40), rep.Served.Total)
	require.Zero(t, *rep.Served.Window.Accuracy)
	require.InDelta(t, -math.Log(0.1), *rep.Served.Window.Loss, 1e-6)
	require.NotZero(t, *rep.Arms[0].Prequential.Window.Accuracy)
}

func TestTicksAloneFinishWhatIsDue(t *testing.T) {
	e := newEngine(t, config())
	l := newTape()
	r := rand.New(rand.NewPCG(5, 1))
	l.add(0, selfContained("s", row(r), 1))
	require.Empty(t, apply(t, e, l.records), "one example of eight makes a step at once")
	var effects []string
	for i := range 20 {
		due, ok := e.Due()
		if !ok {
			break
		}
		l.add(time.Duration(due-l.now), tick(fmt.Sprint("t", i)))
		effects = append(effects, apply(t, e, l.records[len(l.records)-1:])...)
	}
	_, more := e.Due()
	require.False(t, more, "a quiet engine goes on asking for ticks")
	all := strings.Join(effects, "\n")
	require.Contains(t, all, "publish")
	require.Contains(t, all, "checkpoint")
	require.Equal(t, uint64(1), e.Report().Arms[0].Counts.Steps)
}

func TestVersionsFollowTheCadenceInLogTime(t *testing.T) {
	cfg := config()
	cfg.Publish.Every = 50 * time.Millisecond
	cfg.Checkpoint = engine.Cadence{Every: time.Hour, Records: 100}
	e := newEngine(t, cfg)
	l := newTape()
	r := rand.New(rand.NewPCG(5, 1))
	for i := range 1000 {
		l.add(time.Millisecond, selfContained(fmt.Sprint("s", i), row(r), 1))
	}
	all := strings.Join(apply(t, e, l.records), "\n")
	require.InDelta(t, 20, strings.Count(all, "publish"), 10, "1 s of log time, a version each 50 ms and at each checkpoint")
	require.Equal(t, 10, strings.Count(all, "checkpoint"))
}

func TestEveryCheckpointedVersionWasPublished(t *testing.T) {
	e := newEngine(t, config())
	published := map[string]bool{"0": true}
	for _, f := range apply(t, e, traffic(9, 3000).records) {
		kind, rest, _ := strings.Cut(f, " ")
		version, _, _ := strings.Cut(rest, " ")
		switch kind {
		case "publish":
			published[version] = true
		case "stable":
			require.True(t, published[version], "stable names %s, which was never published", version)
		}
	}
	require.Greater(t, len(published), 10)
	parts, err := e.Snapshot()
	require.NoError(t, err)
	require.NotEmpty(t, parts)
}

func TestApplyRefusesRecordsOutOfOrder(t *testing.T) {
	e := newEngine(t, config())
	log := traffic(1, 50).records
	apply(t, e, log)
	before := hash(t, e)
	for _, p := range []uint64{0, 1, e.Position()} {
		_, err := e.Apply(engine.Record{Position: p, Event: tick("t")})
		require.ErrorIs(t, err, engine.ErrOrder)
	}
	require.Equal(t, before, hash(t, e))
}

func TestRefusedRecordsTouchNoModel(t *testing.T) {
	e := newEngine(t, config())
	l := newTape()
	l.add(0, nil)
	l.records[0].Refusal = &feedback.Refusal{Code: feedback.CodeMalformed}
	l.records[0].Keep = true
	l.add(0, nil)
	l.records[1].Refusal = &feedback.Refusal{Code: feedback.CodeConsentRefused}
	l.add(0, nil)
	l.records[2].Refusal = &feedback.Refusal{Code: feedback.CodeConsentUnreadable}
	require.Equal(t, []string{"dead letter 1 false", "erase 2", "erase 3", "dead letter 3 true"}, apply(t, e, l.records))
	require.Zero(t, e.Report().Arms[0].Counts.Steps)
}

// An erased record is not there when the log is scanned again.
func TestErasedRecordsLeaveNoTraceInTheState(t *testing.T) {
	log := traffic(11, 1500).records
	var left []engine.Record
	for _, rec := range log {
		if rec.Event != nil || rec.Keep {
			left = append(left, rec)
		}
	}
	require.Less(t, len(left), len(log))
	before, after := newEngine(t, config()), newEngine(t, config())
	effects := apply(t, before, log)
	require.NotEqual(t, effects, apply(t, after, left))
	require.Equal(t, hash(t, after), hash(t, before))
}

func TestTwoArmsLearnTheSameExamplesEachInItsWay(t *testing.T) {
	cfg := config()
	cfg.Arms = append(cfg.Arms, learner("challenger", replay.ClassBalanced, 0.001))
	log := traffic(4, 1500).records
	both := newEngine(t, cfg)
	apply(t, both, log)
	rep := both.Report()
	require.Len(t, rep.Arms, 2)
	require.Equal(t, rep.Arms[0].Counts.Learned, rep.Arms[1].Counts.Learned)
	require.Equal(t, rep.Arms[0].Prequential.Total, rep.Arms[1].Prequential.Total)
	require.NotEqual(t, rep.Arms[0].Prequential.Window.Loss, rep.Arms[1].Prequential.Window.Loss)

	alone := newEngine(t, config())
	apply(t, alone, log)
	require.Equal(t, alone.Report().Arms[0], rep.Arms[0], "a challenger changes what the learner does")
	require.Equal(t, hash(t, both), hash(t, copied(t, cfg, both)))
}

func TestANumberlessExampleIsLeftOutAndTheRestIsLearned(t *testing.T) {
	cfg := config()
	cfg.Spec.Task = models.Regression
	learn := func(poison bool) arm.Counts {
		e := newEngine(t, cfg)
		l := newTape()
		r := rand.New(rand.NewPCG(5, 1))
		for i := range 800 {
			x := row(r)
			if poison && i%40 == 7 {
				x.Dense = []float32{3e38, 3e38, 3e38}
			}
			l.add(time.Millisecond, selfContained(fmt.Sprint("s", i), x, 1))
		}
		apply(t, e, l.records)
		return e.Report().Arms[0].Counts
	}
	clean, poisoned := learn(false), learn(true)
	require.Equal(t, uint64(800), clean.Learned)
	require.Zero(t, clean.Unusable)
	require.NotZero(t, poisoned.Unusable)
	require.Equal(t, 800-poisoned.Unusable, poisoned.Learned, "good examples are lost with the bad ones")
	require.Equal(t, clean.Steps, poisoned.Steps)
}

func TestRestoreRefusesAnotherConfigurationsState(t *testing.T) {
	e := newEngine(t, config())
	apply(t, e, traffic(1, 200).records)
	parts, err := e.Snapshot()
	require.NoError(t, err)
	stored := map[string][]byte{}
	for _, p := range parts {
		var buf bytes.Buffer
		require.NoError(t, p.Write(&buf))
		stored[p.Name] = buf.Bytes()
	}
	for name, change := range map[string]func(*engine.Config){
		"hidden layer": func(c *engine.Config) { c.Spec.Hidden = []int{9} },
		"inputs":       func(c *engine.Config) { c.Spec.Dense = 2 },
		"memory":       func(c *engine.Config) { c.Arms[0].Replay.Kind = replay.ClassBalanced },
		"optimizer":    func(c *engine.Config) { c.Arms[0].Optimizer = c.Arms[0].Optimizer[:1] },
		"arms":         func(c *engine.Config) { c.Arms = append(c.Arms, learner("second", replay.Reservoir, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			change(&cfg)
			other, err := engine.New(cfg, nil)
			if err != nil {
				return // the change is no configuration at all
			}
			before := hash(t, other)
			require.Error(t, other.Restore(readFrom(stored)))
			require.Equal(t, before, hash(t, other))
		})
	}
}

// Products pass over inputs of zero, whatever the weight is: one that is not finite would show with
// some kernels and not with others.
func TestRestoreRefusesWeightsThatAreNotFinite(t *testing.T) {
	cfg := config()
	e := newEngine(t, cfg)
	apply(t, e, traffic(1, 200).records)
	stored := partsOf(t, e)
	weights := stored[arm.PartWeights]
	binary.LittleEndian.PutUint32(weights[len(weights)-4:], math.Float32bits(float32(math.Inf(1))))
	other := newEngine(t, cfg)
	before := hash(t, other)
	require.ErrorIs(t, other.Restore(readFrom(stored)), models.ErrNonFinite)
	require.Equal(t, before, hash(t, other))
}
