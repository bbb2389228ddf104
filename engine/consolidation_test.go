package engine_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// withBoundaries says after each n records that a task ends.
func withBoundaries(l *tape, n int) []engine.Record {
	out := newTape()
	for i, rec := range l.records {
		out.add(time.Millisecond, rec.Event)
		if i%n == n-1 {
			out.add(time.Millisecond, control(fmt.Sprint("b", i), feedback.Control{Action: feedback.Boundary, Task: "pair"}))
		}
	}
	return out.records
}

func guards() map[string][]optim.Config {
	sgd := optim.Config{SGD: &optim.SGD{LearningRate: 0.1, Momentum: 0.5}}
	return map[string][]optim.Config{
		"ewc streaming": {{EWC: &optim.EWC{Strength: 5}}, sgd},
		"ewc empirical": {{EWC: &optim.EWC{Strength: 5, Fisher: optim.FisherEmpirical}}, sgd},
		"ewc true":      {{EWC: &optim.EWC{Strength: 5, Fisher: optim.FisherTrue, Variant: optim.Separate}}, sgd},
		"ewc exact":     {{EWC: &optim.EWC{Strength: 5, Fisher: optim.FisherExact}}, sgd},
		"si":            {{SI: &optim.SI{Strength: 0.5}}, sgd},
		"mas":           {{MAS: &optim.MAS{Strength: 0.1}}, sgd},
		"l2":            {{L2: &optim.L2{Strength: 0.1}}, sgd},
		"all":           {{SI: &optim.SI{}}, {EWC: &optim.EWC{Fisher: optim.FisherTrue}}, {MAS: &optim.MAS{}}, {L2: &optim.L2{}}, {AdamW: &optim.AdamW{}}},
	}
}

func TestEveryGuardGoesOnBitForBitAfterRestore(t *testing.T) {
	log := withBoundaries(classes(1, 90, [2]int{0, 1}, [2]int{2, 3}, [2]int{4, 0}), 90)
	hashes := map[string]string{}
	for name, list := range guards() {
		for _, source := range []string{arm.SourcePhase, arm.SourceMemory} {
			cfg := classConfig()
			cfg.Arms[0].Optimizer = list
			cfg.Arms[0].Rehearsal.Ratio = -1
			cfg.Arms[0].Consolidation.ResetOptimizer = true
			if optim.Asks(list) {
				cfg.Arms[0].Consolidation.Source, cfg.Arms[0].Consolidation.Samples = source, 40
			}
			whole, broken := newEngine(t, cfg), newEngine(t, cfg)
			want := apply(t, whole, log)
			var got []string
			r := rand.New(rand.NewPCG(3, 2))
			for at := 0; at < len(log); {
				n := min(1+r.IntN(61), len(log)-at)
				got = append(got, apply(t, broken, log[at:at+n])...)
				at += n
				broken = copied(t, cfg, broken)
			}
			require.Equal(t, want, got, name)
			h := hash(t, whole)
			require.Equal(t, h, hash(t, broken), name)
			counts := whole.Report().Arms[0].Counts
			require.EqualValues(t, 3, counts.Consolidations, name)
			require.Zero(t, counts.NonFinite, name)
			if !optim.Asks(list) {
				break
			}
			require.Empty(t, hashes[h], "%s learns as %s does", name, hashes[h])
			hashes[h] = name
		}
	}
}

func TestBoundaryLearnsWhatWaitsBeforeIt(t *testing.T) {
	cfg := classConfig()
	cfg.Arms[0].Optimizer = guards()["l2"]
	l := classes(1, 5, [2]int{0, 1})
	l.add(0, control("b", feedback.Control{Action: feedback.Boundary, Task: "one"}))
	e := newEngine(t, cfg)
	apply(t, e, l.records[:5])
	require.Equal(t, 5, e.Report().Waiting.Examples)
	apply(t, e, l.records[5:])
	require.Zero(t, e.Report().Waiting.Examples)
	require.EqualValues(t, 5, e.Report().Arms[0].Counts.Learned)
	require.EqualValues(t, 1, e.Report().Arms[0].Counts.Consolidations)

	l.add(0, control("c", feedback.Control{Action: feedback.Boundary, Task: "nothing"}))
	apply(t, e, l.records[6:])
	require.EqualValues(t, 1, e.Report().Arms[0].Counts.Consolidations, "nothing was learned since")
}

func TestPhaseEndsByItselfAfterSoManyExamples(t *testing.T) {
	cfg := classConfig()
	cfg.Arms[0].Optimizer = guards()["ewc true"]
	cfg.Arms[0].Consolidation.Every = 40
	e := newEngine(t, cfg)
	apply(t, e, classes(1, 200, [2]int{0, 1}).records)
	require.EqualValues(t, 5, e.Report().Arms[0].Counts.Consolidations)
}

func lwf(ratio float64) engine.Config {
	cfg := classConfig()
	cfg.Arms[0].Loss = arm.Loss{Kind: arm.LossLwF, Alpha: 2}
	cfg.Arms[0].Rehearsal.Ratio = ratio
	return cfg
}

func headed(cfg engine.Config) engine.Config {
	cfg.Segment, cfg.Heads = headConfig().Segment, headConfig().Heads
	return cfg
}

func projected(kind string) engine.Config {
	cfg := classConfig()
	cfg.Segment = "task"
	cfg.Arms[0].Projection.Kind = kind
	return cfg
}

func TestTeachersAndProjectionsGoOnBitForBitAfterRestore(t *testing.T) {
	l := classes(1, 90, [2]int{0, 1}, [2]int{2, 3}, [2]int{4, 0})
	segmented(l)
	log := withBoundaries(l, 90)
	hashes := map[string]string{}
	plain := classConfig()
	plain.Segment = "task"
	for name, cfg := range map[string]engine.Config{
		"er": plain, "lwf": lwf(-1), "lwf and rehearsal": lwf(1), "lwf with heads": headed(lwf(-1)),
		"agem": projected(arm.ProjectAGEM), "gem": projected(arm.ProjectGEM),
	} {
		whole, broken := newEngine(t, cfg), newEngine(t, cfg)
		want := apply(t, whole, log)
		var got []string
		r := rand.New(rand.NewPCG(3, 2))
		for at := 0; at < len(log); {
			n := min(1+r.IntN(61), len(log)-at)
			got = append(got, apply(t, broken, log[at:at+n])...)
			at += n
			broken = copied(t, cfg, broken)
		}
		require.Equal(t, want, got, name)
		require.Equal(t, hash(t, whole), hash(t, broken), name)
		weights := fmt.Sprint(weightsOf(t, whole))
		require.Empty(t, hashes[weights], "%s learns as %s does", name, hashes[weights])
		hashes[weights] = name
		counts := whole.Report().Arms[0].Counts
		require.EqualValues(t, 270, counts.Learned, name)
		require.Zero(t, counts.NonFinite, name)
	}
}

// Before its first consolidation a learner has no teacher, and learns as without.
func TestTeacherComesWithTheFirstConsolidation(t *testing.T) {
	log := withBoundaries(classes(1, 160, [2]int{0, 1}, [2]int{2, 3}), 160)
	free := classConfig()
	free.Arms[0].Rehearsal.Ratio = -1
	a, b := newEngine(t, free), newEngine(t, lwf(-1))
	apply(t, a, log[:160])
	apply(t, b, log[:160])
	close := func() float64 {
		sum := 0.0
		for i, p := range weightsOf(t, a) {
			other := weightsOf(t, b)[i].Data
			for j, v := range p.Data {
				sum += math.Abs(float64(v - other[j]))
			}
		}
		return sum
	}
	require.Less(t, close(), 1e-3)
	apply(t, a, log[160:])
	apply(t, b, log[160:])
	require.Greater(t, close(), 0.1)
}

// Nobody announces the change of classes here; the detector finds it, once.
func TestDriftEndsAPhase(t *testing.T) {
	cfg := lwf(-1)
	cfg.Arms[0].Consolidation.Drift = guard.DriftConfig{FalseAlarms: 10, Baseline: 200}
	log := classes(1, 1500, [2]int{0, 1}, [2]int{2, 3}).records
	whole, broken := newEngine(t, cfg), newEngine(t, cfg)
	apply(t, whole, log[:1500])
	require.Zero(t, whole.Report().Arms[0].Counts.Drifts)
	apply(t, whole, log[1500:])
	counts := whole.Report().Arms[0].Counts
	require.EqualValues(t, 1, counts.Drifts)
	require.EqualValues(t, 1, counts.Consolidations)
	for at := 0; at < len(log); at += 250 {
		apply(t, broken, log[at:at+250])
		broken = copied(t, cfg, broken)
	}
	require.Equal(t, hash(t, whole), hash(t, broken))
}

func TestProjectionsAreRefusedWithTheFieldAndTheRule(t *testing.T) {
	for want, change := range map[string]func(*engine.Config){
		"arms[0].projection.kind: must be agem or gem": func(c *engine.Config) { c.Arms[0].Projection.Kind = "svd" },
		"arms[0].projection.margin: must be absent for kind agem": func(c *engine.Config) {
			c.Arms[0].Projection = arm.Projection{Kind: arm.ProjectAGEM, Margin: 1}
		},
		"arms[0].projection.kind: must not be gem without segment": func(c *engine.Config) {
			c.Arms[0].Projection.Kind = arm.ProjectGEM
		},
		"arms[0].projection.kind: must be absent for loss.kind der": func(c *engine.Config) {
			c.Arms[0].Projection.Kind, c.Arms[0].Loss.Kind = arm.ProjectAGEM, arm.LossDER
		},
		"arms[0].projection.kind: must be absent with rehearsal.ratio -1": func(c *engine.Config) {
			c.Arms[0].Projection.Kind, c.Arms[0].Rehearsal.Ratio = arm.ProjectAGEM, -1
		},
	} {
		cfg := classConfig()
		change(&cfg)
		_, err := engine.New(cfg, nil)
		require.ErrorContains(t, err, want)
	}
}

// What guards are for: after a second task, the first is remembered better than without.
func TestGuardedLearnerForgetsLess(t *testing.T) {
	log := withBoundaries(classes(1, 400, [2]int{0, 1}, [2]int{2, 3}), 400)
	lossOfTheFirst := func(list []optim.Config) float64 {
		cfg := classConfig()
		cfg.Arms[0].Optimizer = list
		cfg.Arms[0].Rehearsal.Ratio = -1
		e := newEngine(t, cfg)
		apply(t, e, log)
		p, err := models.NewPredictor(cfg.Spec, 1)
		require.NoError(t, err)
		require.NoError(t, p.Load(weightsOf(t, e)))
		sum := 0.0
		for _, rec := range log[:400] {
			out, target := make([]float32, 5), make([]float32, 5)
			target[int(*rec.Event.Feedback.Signal.Value)] = 1
			x := rec.Event.Row
			require.NoError(t, p.Predict(out, &models.Batch{Rows: 1, Dense: x.Dense, Categories: x.Categories}))
			sum += models.Loss(cfg.Spec.Task, out, target)
		}
		return sum / 400
	}
	free := lossOfTheFirst([]optim.Config{{SGD: &optim.SGD{LearningRate: 0.1}}})
	for name, guard := range map[string]optim.Config{
		"ewc": {EWC: &optim.EWC{Strength: 4, Fisher: optim.FisherTrue}}, "mas": {MAS: &optim.MAS{Strength: 0.02}},
		"si": {SI: &optim.SI{Strength: 2}}, "l2": {L2: &optim.L2{Strength: 0.5}},
	} {
		require.Less(t, lossOfTheFirst([]optim.Config{guard, {SGD: &optim.SGD{LearningRate: 0.1}}}), 0.8*free, name)
	}
}

// segmented gives examples the label of the pair that their class is in.
func segmented(l *tape) []engine.Record {
	for _, rec := range l.records {
		pair := int(*rec.Event.Feedback.Signal.Value) / 2
		rec.Event.Feedback.Segments = map[string]string{"task": fmt.Sprint(pair)}
	}
	return l.records
}

func headConfig() engine.Config {
	cfg := classConfig()
	cfg.Segment = "task"
	cfg.Heads = batch.Heads{{Segment: "0", Classes: []int{0, 1}}, {Segment: "1", Classes: []int{2, 3}}}
	cfg.Arms[0].Rehearsal.Ratio = -1
	return cfg
}

func TestHeadsLeaveEachOthersClassesAlone(t *testing.T) {
	cfg := headConfig()
	e := newEngine(t, cfg)
	log := segmented(classes(1, 64, [2]int{0, 1}, [2]int{2, 3}))
	apply(t, e, log[:64])
	first := weightsOf(t, e)
	apply(t, e, log[64:])
	last := weightsOf(t, e)
	bias := len(first) - 1
	require.Equal(t, first[bias].Data[:2], last[bias].Data[:2])
	require.NotEqual(t, first[bias].Data[2:4], last[bias].Data[2:4])
	require.Equal(t, first[bias].Data[4], last[bias].Data[4])
}

// Among two classes each, scores are those of a choice between two.
func TestHeadsAreScoredAmongTheirClasses(t *testing.T) {
	log := segmented(classes(1, 300, [2]int{0, 1}, [2]int{2, 3}))
	accuracy := func(cfg engine.Config) float64 {
		e := newEngine(t, cfg)
		apply(t, e, log)
		for _, s := range e.Report().Arms[0].Prequential.Segments {
			if s.Segment == "1" {
				return *s.Window.Accuracy
			}
		}
		t.Fatal("no segment")
		return 0
	}
	with := headConfig()
	without := headConfig()
	without.Heads = nil
	require.Greater(t, accuracy(with), accuracy(without))
}

func TestExamplesOutsideTheirHeadAreLearnedAllTheSame(t *testing.T) {
	cfg := headConfig()
	l := classes(1, 40, [2]int{0, 4})
	for _, rec := range l.records {
		rec.Event.Feedback.Segments = map[string]string{"task": "1"}
	}
	l.records[7].Event.Feedback.Segments = map[string]string{"task": "unheard of"}
	e := newEngine(t, cfg)
	apply(t, e, l.records)
	require.EqualValues(t, 40, e.Report().Arms[0].Counts.Learned)
}

func TestConsolidationAndHeadsAreRefusedWithTheFieldAndTheRule(t *testing.T) {
	for want, change := range map[string]func(*engine.Config){
		"arms[0].consolidation.samples: must be absent, got 5: no optimizer asks": func(c *engine.Config) {
			c.Arms[0].Consolidation.Samples = 5
		},
		"arms[0].consolidation.source: must be phase or memory": func(c *engine.Config) {
			c.Arms[0].Optimizer = guards()["mas"]
			c.Arms[0].Consolidation.Source = "book"
		},
		"arms[0].consolidation.every: must be absent, got 5: nothing changes": func(c *engine.Config) {
			c.Arms[0].Consolidation.Every = 5
		},
		"arms[0].consolidation.drift: must be absent: nothing changes": func(c *engine.Config) {
			c.Arms[0].Consolidation.Drift.FalseAlarms = 5
		},
		"arms[0].consolidation.drift.false_alarms: must be above 0": func(c *engine.Config) {
			c.Arms[0].Consolidation.Drift.FalseAlarms = -5
		},
		"heads: must be absent without segment": func(c *engine.Config) { c.Segment = "" },
		"heads[1].segment: \"0\" has an earlier head": func(c *engine.Config) {
			c.Heads[1].Segment = "0"
		},
		"heads[0].classes[1]: must be in [0, 4] and no earlier one, got 5": func(c *engine.Config) {
			c.Heads[0].Classes[1] = 5
		},
		"heads[0].classes: must not be empty": func(c *engine.Config) { c.Heads[0].Classes = nil },
	} {
		cfg := headConfig()
		change(&cfg)
		_, err := engine.New(cfg, nil)
		require.ErrorContains(t, err, want)
	}
}
