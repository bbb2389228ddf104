package engine_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/internal/canonical"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

func anchored() engine.Config {
	cfg := classConfig()
	cfg.Arms[0].Rehearsal.Ratio = -1
	cfg.Arms[0].Optimizer = []optim.Config{{L2: &optim.L2{Strength: 1e-9}}, {SGD: &optim.SGD{LearningRate: 0.1}}}
	cfg.Metrics.Anchors = anchor.Config{Size: 30, Share: 0.1, Every: 40, Phases: 2}
	return cfg
}

func TestForgettingIsMeasuredOnWhatWasNeverLearned(t *testing.T) {
	cfg := anchored()
	log := withBoundaries(classes(1, 400, [2]int{0, 1}, [2]int{2, 3}, [2]int{4, 0}), 400)
	e := newEngine(t, cfg)
	apply(t, e, log[:400])
	f := e.Report().Anchors
	require.Len(t, f.Phases, 1)
	require.Zero(t, f.Phases[0].Ended, "no phase has ended")
	require.Equal(t, f.Phases[0].Current, *f.Accuracy)
	require.Equal(t, *f.Accuracy, *f.WorstCaseAccuracy)
	require.Nil(t, f.Forgetting)
	require.Nil(t, f.LearningAccuracy)
	apply(t, e, log[400:401])
	f = e.Report().Anchors
	require.Greater(t, *f.Phases[0].AtEnd, 0.7)
	require.Equal(t, f.Phases[0].Current, *f.LearningAccuracy)
	require.Nil(t, f.Retention, "nothing was learned since")
	require.LessOrEqual(t, f.Phases[0].Examples, 30)

	apply(t, e, log[401:1000])
	rep := e.Report()
	f = rep.Anchors
	require.Len(t, f.Phases, 3)
	require.EqualValues(t, 1000-2-rep.Waiting.Examples, int(f.Held+rep.Arms[0].Counts.Learned))
	require.InDelta(t, 100, float64(f.Held), 30)
	first, second, open := f.Phases[0], f.Phases[1], f.Phases[2]
	require.Less(t, first.Current, *first.AtEnd-0.3, "without rehearsal it forgets")
	require.Less(t, *first.Worst, *first.AtEnd)
	require.InDelta(t, (first.Current+second.Current+open.Current)/3, *f.Accuracy, 1e-12)
	require.InDelta(t, (*first.AtEnd+*second.AtEnd)/2, *f.LearningAccuracy, 1e-12)
	require.InDelta(t, (*first.Best-first.Current+*second.Best-second.Current)/2, *f.Forgetting, 1e-12)
	require.InDelta(t, (first.Current-*first.AtEnd+second.Current-*second.AtEnd)/2, *f.BackwardTransfer, 1e-12)
	require.InDelta(t, (first.Current / *first.AtEnd + second.Current / *second.AtEnd)/2, *f.Retention, 1e-12)
	require.InDelta(t, (*first.Worst+*second.Worst)/2, *f.MinimumAccuracy, 1e-12)
	require.InDelta(t, open.Current/3+*f.MinimumAccuracy*2/3, *f.WorstCaseAccuracy, 1e-12)
	require.InDelta(t, *second.Before-*second.First, *f.ForwardTransfer, 1e-12)
}

// The figures are those of the definition: accuracy on a phase's anchors of the weights that
// there were before it, beside that of the first weights.
func TestForwardTransferIsOfTheWeightsAsThePhaseBegan(t *testing.T) {
	cfg := anchored()
	log := withBoundaries(classes(1, 200, [2]int{0, 1}, [2]int{1, 2}), 200)
	e := newEngine(t, cfg)
	first := e.Weights()
	apply(t, e, log[:201])
	before := e.Weights()
	require.Nil(t, e.Report().Anchors.Phases[0].Before, "nothing was learned before the first phase")
	apply(t, e, log[201:402])

	state, err := replay.Read(partsOf(t, e)["anchors-001"])
	require.NoError(t, err)
	held, err := replay.New(replay.Config{Kind: replay.Reservoir, Capacity: 30})
	require.NoError(t, err)
	require.NoError(t, held.Restore(state))
	accuracy := func(weights *models.Frozen) float64 {
		p, err := models.NewPredictor(cfg.Spec, 1)
		require.NoError(t, err)
		require.NoError(t, p.Update(weights, nil))
		right := 0
		held.Remove(func(ex *replay.Example) bool {
			out := make([]float32, 5)
			require.NoError(t, p.Predict(out, &models.Batch{Rows: 1, Dense: ex.Dense, Categories: ex.Categories}))
			if slices.Index(out, slices.Max(out)) == int(ex.Target) {
				right++
			}
			return false
		})
		return float64(right) / float64(held.Len())
	}
	f := e.Report().Anchors
	require.Equal(t, accuracy(first), *f.Phases[1].First)
	require.Equal(t, accuracy(before), *f.Phases[1].Before)
	require.Equal(t, *f.Phases[1].Before-*f.Phases[1].First, *f.ForwardTransfer)
	require.NotEqual(t, *f.Phases[1].Before, *f.Phases[1].First)
	require.Equal(t, accuracy(e.Weights()), *f.Phases[1].AtEnd)
}

func TestABurstSeesTheStabilityGap(t *testing.T) {
	log := withBoundaries(classes(1, 400, [2]int{0, 1}, [2]int{2, 3}), 400)
	measure := func(b anchor.Burst) *anchor.Report {
		cfg := anchored()
		cfg.Arms[0].Rehearsal.Ratio = 1
		cfg.Metrics.Anchors.Every, cfg.Metrics.Anchors.Burst = 300, b
		e := newEngine(t, cfg)
		apply(t, e, log[:801])
		return e.Report().Anchors
	}
	none, dense := measure(anchor.Burst{Looks: -1}), measure(anchor.Burst{Looks: 12})
	require.Equal(t, none.Looks+12-1, dense.Looks, "the cost is bounded, and what is due after it is later")
	require.Equal(t, none.Phases[0].AtEnd, dense.Phases[0].AtEnd, "looking changes nothing")
	require.Less(t, *dense.MinimumAccuracy, *none.MinimumAccuracy-0.1, "what is lost for some steps alone was not seen")
	wide := measure(anchor.Burst{Looks: 3, Every: 16})
	require.Equal(t, none.Looks+3, wide.Looks)
}

func TestAnytimeAccuracyWeighsALookByWhatWasLearnedSinceTheOneBefore(t *testing.T) {
	e := newEngine(t, anchored())
	sum, learned, looks := 0.0, uint64(0), uint64(0)
	for _, rec := range withBoundaries(classes(1, 200, [2]int{0, 1}, [2]int{2, 3}), 200) {
		apply(t, e, []engine.Record{rec})
		rep := e.Report()
		if a := rep.Anchors; a != nil && a.Looks > looks {
			now := rep.Arms[0].Counts.Learned
			sum += *a.Accuracy * float64(now-learned)
			learned, looks = now, a.Looks
		}
	}
	require.Greater(t, looks, uint64(20))
	require.InDelta(t, sum/float64(learned), *e.Report().Anchors.AnytimeAccuracy, 1e-12)
}

func TestAnchorsGoOnBitForBitAfterRestore(t *testing.T) {
	cfg := anchored()
	cfg.Metrics.Anchors.Burst = anchor.Burst{Looks: 6, Every: 9}
	log := withBoundaries(classes(1, 200, [2]int{0, 1}, [2]int{2, 3}, [2]int{4, 0}, [2]int{1, 2}), 200)
	whole, broken := newEngine(t, cfg), newEngine(t, cfg)
	apply(t, whole, log)
	for len(log) > 0 {
		n := min(7, len(log))
		apply(t, broken, log[:n])
		log = log[n:]
		broken = copied(t, cfg, broken)
	}
	require.Equal(t, hash(t, whole), hash(t, broken))
	require.Equal(t, whole.Report(), broken.Report())
	require.Len(t, whole.Report().Anchors.Phases, 2, "the oldest phases go first")
	require.NotNil(t, whole.Report().Anchors.ForwardTransfer)
}

// earlier takes from a document of the engine what its anchors did not always have.
func earlier(t *testing.T, parts map[string][]byte, change func(anchors map[any]any)) {
	t.Helper()
	var doc map[string]any
	require.NoError(t, canonical.Unmarshal(parts[engine.PartEngine], &doc))
	change(doc["anchors"].(map[any]any))
	data, err := canonical.Marshal(doc)
	require.NoError(t, err)
	parts[engine.PartEngine] = data
}

func TestAStateWithoutForwardTransferGoesOnWithIt(t *testing.T) {
	cfg := anchored()
	log := withBoundaries(classes(1, 200, [2]int{0, 1}, [2]int{2, 3}, [2]int{4, 0}), 200)
	e := newEngine(t, cfg)
	apply(t, e, log[:300])
	parts := partsOf(t, e)
	require.Contains(t, parts, anchor.PartBefore)
	delete(parts, anchor.PartBefore)
	earlier(t, parts, func(a map[any]any) {
		for _, name := range []string{"open", "burst", "looks", "anytime", "before"} {
			delete(a, name)
		}
		for _, s := range a["scores"].([]any) {
			delete(s.(map[any]any), "first")
			delete(s.(map[any]any), "before")
		}
	})
	old := newEngine(t, cfg)
	require.NoError(t, old.Restore(readFrom(parts)))
	apply(t, old, log[300:402])
	require.Nil(t, old.Report().Anchors.ForwardTransfer, "nobody kept the weights of before")
	apply(t, old, log[402:])
	require.NotNil(t, old.Report().Anchors.ForwardTransfer)
	require.NotNil(t, old.Report().Anchors.AnytimeAccuracy)
}

func TestDamagedAnchorsAreRefused(t *testing.T) {
	cfg := anchored()
	e := newEngine(t, cfg)
	apply(t, e, withBoundaries(classes(1, 200, [2]int{0, 1}), 200))
	for want, change := range map[string]func(map[any]any){
		"accuracy is 7":    func(a map[any]any) { a["scores"].([]any)[0].(map[any]any)["first"] = 7.0 },
		"left of a burst":  func(a map[any]any) { a["burst"] = 21 },
		"anytime accuracy": func(a map[any]any) { a["anytime"].(map[any]any)["weight"] = math.NaN() },
	} {
		parts := partsOf(t, e)
		earlier(t, parts, change)
		require.ErrorContains(t, newEngine(t, cfg).Restore(readFrom(parts)), want)
	}
	parts := partsOf(t, e)
	delete(parts, anchor.PartBefore)
	require.ErrorContains(t, newEngine(t, cfg).Restore(readFrom(parts)), "before")
}

func TestAPhaseThatIsRolledBackBeginsWithTheWeightsOfTheVersion(t *testing.T) {
	cfg := anchored()
	s := shelf{}
	e, err := engine.New(cfg, s)
	require.NoError(t, err)
	log := withBoundaries(classes(1, 200, [2]int{0, 1}, [2]int{2, 3}), 200)
	s.keep(t, e, log[:100])
	at := e.Report().Channels.Candidate
	s.keep(t, e, log[100:300])
	weights := func() []byte { return partsOf(t, e)[anchor.PartBefore] }
	began := weights()
	looks := e.Report().Anchors.Looks
	l := newTape()
	l.position, l.now = log[299].Position, log[299].Time
	l.add(time.Millisecond, control("c", feedback.Control{Action: feedback.Rollback, Version: at, Digest: "sha256:any", Learner: true}))
	for i, rec := range log[300:] {
		if i < 50 {
			l.add(time.Millisecond, rec.Event)
		}
	}
	s.keep(t, e, l.records[:1])
	require.NotEqual(t, began, weights(), "what was taken back counts as learned before the phase")
	require.Equal(t, partsOf(t, e)[arm.PartWeights], weights())
	s.keep(t, e, l.records[1:])
	require.Greater(t, e.Report().Anchors.Looks, looks+3, "the learner is looked at closely after a rollback")
	require.Equal(t, hash(t, e), hash(t, copied(t, cfg, e)))
}

func TestPhasesEndByThemselvesWhereTheyAreMeasured(t *testing.T) {
	cfg := anchored()
	cfg.Arms[0].Optimizer = []optim.Config{{SGD: &optim.SGD{LearningRate: 0.1}}}
	cfg.Arms[0].Consolidation.Every = 100
	e := newEngine(t, cfg)
	apply(t, e, classes(1, 300, [2]int{0, 1}).records)
	require.Len(t, e.Report().Anchors.Phases, 3, "two that are kept, and one in progress")
	cfg.Metrics.Anchors = anchor.Config{}
	_, err := engine.New(cfg, nil)
	require.ErrorContains(t, err, "nothing changes at a consolidation")
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
	for want, a := range map[string]anchor.Config{
		"metrics.anchors.size: must be set":          {Share: 0.1},
		"metrics.anchors.size: must be in [1":        {Size: -1},
		"metrics.anchors.share: must be in (0, 0.5]": {Size: 5, Share: 0.7},
		"metrics.anchors.phases: must be in [1":      {Size: 5, Phases: -1},
		"metrics.anchors.burst.looks: must be at":    {Size: 5, Burst: anchor.Burst{Looks: 1 << 17}},
	} {
		cfg := classConfig()
		cfg.Metrics.Anchors = a
		_, err := engine.New(cfg, nil)
		require.ErrorContains(t, err, want)
	}
}
