package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

func anchored() engine.Config {
	cfg := classConfig()
	cfg.Arms[0].Rehearsal.Ratio = -1
	cfg.Arms[0].Optimizer = []optim.Config{{L2: &optim.L2{Strength: 1e-9}}, {SGD: &optim.SGD{LearningRate: 0.1}}}
	cfg.Metrics.Anchors = engine.Anchors{Size: 30, Share: 0.1, Every: 40, Phases: 2}
	return cfg
}

func TestForgettingIsMeasuredOnWhatWasNeverLearned(t *testing.T) {
	cfg := anchored()
	log := withBoundaries(classes(1, 400, [2]int{0, 1}, [2]int{2, 3}), 400)
	e := newEngine(t, cfg)
	apply(t, e, log[:400])
	require.Nil(t, e.Report().Forgetting, "no phase has ended")
	apply(t, e, log[400:401])
	f := e.Report().Forgetting
	require.Greater(t, f.Phases[0].AtEnd, 0.7)
	require.Zero(t, f.Forgetting)
	require.Equal(t, 1.0, f.Retention)
	require.LessOrEqual(t, f.Phases[0].Examples, 30)

	apply(t, e, log[401:])
	rep := e.Report()
	f = rep.Forgetting
	require.Len(t, f.Phases, 2)
	require.EqualValues(t, 800, f.Held+rep.Arms[0].Counts.Learned)
	require.InDelta(t, 80, float64(f.Held), 30)
	first, second := f.Phases[0], f.Phases[1]
	require.Less(t, first.Current, 0.5, "without rehearsal it forgets")
	require.Less(t, first.Worst, first.AtEnd)
	require.InDelta(t, (first.Best-first.Current+second.Best-second.Current)/2, f.Forgetting, 1e-12)
	require.InDelta(t, (first.Current-first.AtEnd+second.Current-second.AtEnd)/2, f.BackwardTransfer, 1e-12)
	require.InDelta(t, (first.Current/first.AtEnd+second.Current/second.AtEnd)/2, f.Retention, 1e-12)
	require.InDelta(t, (first.Worst+second.Worst)/2, f.WorstCase, 1e-12)
}

func TestAnchorsGoOnBitForBitAfterRestore(t *testing.T) {
	cfg := anchored()
	log := withBoundaries(classes(1, 200, [2]int{0, 1}, [2]int{2, 3}, [2]int{4, 0}, [2]int{1, 2}), 200)
	whole, broken := newEngine(t, cfg), newEngine(t, cfg)
	apply(t, whole, log)
	for len(log) > 0 {
		n := min(71, len(log))
		apply(t, broken, log[:n])
		log = log[n:]
		broken = copied(t, cfg, broken)
	}
	require.Equal(t, hash(t, whole), hash(t, broken))
	require.Equal(t, whole.Report(), broken.Report())
	require.Len(t, whole.Report().Forgetting.Phases, 2, "the oldest phases go first")
}

func TestWithdrawnExamplesLeaveTheAnchors(t *testing.T) {
	cfg := anchored()
	cfg.Metrics.Anchors.Share = 0.5
	l := classes(1, 40, [2]int{0, 1})
	e := newEngine(t, cfg)
	apply(t, e, l.records)
	held := func() int {
		state, err := replay.Read(partsOf(t, e)["anchors-000"])
		require.NoError(t, err)
		return state.Len()
	}
	require.Greater(t, held(), 10)
	for _, rec := range l.records {
		gone := label("w-"+rec.Event.ID, "", 0)
		gone.Feedback.Signal = nil
		gone.Feedback.Operation = &feedback.Operation{Kind: feedback.Withdraw, EventID: rec.Event.ID}
		l.add(time.Millisecond, gone)
	}
	apply(t, e, l.records[40:])
	require.Zero(t, held())
}

func TestAnchorsAreRefusedWithTheFieldAndTheRule(t *testing.T) {
	for want, a := range map[string]engine.Anchors{
		"metrics.anchors.size: must be set":          {Share: 0.1},
		"metrics.anchors.size: must be in [1":        {Size: -1},
		"metrics.anchors.share: must be in (0, 0.5]": {Size: 5, Share: 0.7},
		"metrics.anchors.phases: must be in [1":      {Size: 5, Phases: -1},
	} {
		cfg := classConfig()
		cfg.Metrics.Anchors = a
		_, err := engine.New(cfg, nil)
		require.ErrorContains(t, err, want)
	}
}
