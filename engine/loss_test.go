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
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// classConfig is a learner of five classes on three numbers and a category.
func classConfig() engine.Config {
	cfg := config()
	cfg.Spec.Task, cfg.Spec.Classes = models.Multiclass, 5
	cfg.Arms[0].Optimizer = []optim.Config{{SGD: &optim.SGD{LearningRate: 0.1}}}
	cfg.Arms[0].Replay.Kind = replay.ClassBalanced
	return cfg
}

// classes is a log of self-contained examples whose classes come one pair after the
// other, n of each pair: what a learner forgets.
func classes(seed uint64, n int, pairs ...[2]int) *tape {
	r := rand.New(rand.NewPCG(seed, 4))
	l := newTape()
	for _, pair := range pairs {
		for range n {
			c := pair[r.IntN(2)]
			x := row(r)
			x.Dense[c%3] += float32(2 + 2*(c/3))
			x.Categories[0] = int32(c % 4)
			l.add(time.Millisecond, selfContained(fmt.Sprint("s", l.position), x, float64(c)))
		}
	}
	return l
}

func losses() map[string]arm.Loss {
	return map[string]arm.Loss{
		"er":        {Kind: arm.LossER},
		"er smooth": {Kind: arm.LossER, Smoothing: 0.1},
		"er factor": {Kind: arm.LossER, Beta: 0.1},
		"er_ace":    {Kind: arm.LossERACE},
		"der":       {Kind: arm.LossDER, Alpha: 0.3},
		"derpp":     {Kind: arm.LossDERPP, Smoothing: 0.1},
		"ace_derpp": {Kind: arm.LossACEDERPP, Alpha: 0.2, Beta: 1},
	}
}

func TestEveryLossGoesOnBitForBitAfterRestore(t *testing.T) {
	log := classes(1, 150, [2]int{0, 1}, [2]int{2, 3}, [2]int{4, 0}).records
	hashes := map[string]string{}
	for name, loss := range losses() {
		cfg := classConfig()
		cfg.Arms[0].Loss = loss
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
		require.Equal(t, whole.Report(), broken.Report(), name)
		require.Empty(t, hashes[h], "%s learns as %s does", name, hashes[h])
		hashes[h] = name
	}
}

func TestSecondDrawIsRehearsedToo(t *testing.T) {
	log := classes(1, 200, [2]int{0, 1}).records
	counts := map[arm.LossKind]arm.Counts{}
	for _, kind := range []arm.LossKind{arm.LossDER, arm.LossDERPP} {
		cfg := classConfig()
		cfg.Arms[0].Loss.Kind = kind
		e := newEngine(t, cfg)
		apply(t, e, log)
		counts[kind] = e.Report().Arms[0].Counts
	}
	require.Equal(t, 2*counts[arm.LossDER].Rehearsed, counts[arm.LossDERPP].Rehearsed)
}

func TestMemoryHoldsTheLogitsOfTheStepThatLearned(t *testing.T) {
	cfg := classConfig()
	cfg.Arms[0].Loss.Kind = arm.LossDER
	cfg.Batch.Size, cfg.Batch.Wait = 1, time.Nanosecond
	cfg.Checkpoint.Records = 1 << 40
	log := classes(1, 3, [2]int{0, 1})
	e := newEngine(t, cfg)
	var before models.Params
	for _, rec := range log.records {
		before = weightsOf(t, e)
		apply(t, e, []engine.Record{rec})
	}
	stored, err := replay.Read(partsOf(t, e)[arm.PartReplay])
	require.NoError(t, err)
	memory, err := replay.New(cfg.Arms[0].Replay)
	require.NoError(t, err)
	require.NoError(t, memory.Restore(stored))
	found := false
	memory.Remove(func(ex *replay.Example) bool {
		require.Len(t, ex.Logits, 5)
		require.Equal(t, ex.Position, ex.LogitsAt)
		if ex.Position != log.position {
			return false
		}
		found = true
		p, err := models.NewPredictor(cfg.Spec, 1)
		require.NoError(t, err)
		require.NoError(t, p.Load(before))
		want := make([]float32, 5)
		require.NoError(t, p.Logits(want, &models.Batch{Rows: 1, Dense: ex.Dense, Categories: ex.Categories}))
		require.Equal(t, want, ex.Logits)
		return false
	})
	require.True(t, found)
}

// weightsOf reads the first arm's weights out of a snapshot.
func weightsOf(t *testing.T, e *engine.Engine) models.Params {
	t.Helper()
	data := partsOf(t, e)[arm.PartWeights]
	p, err := safetensors.DecodeParams(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	return p
}

// With a mask over the classes of the new batch, a step without rehearsal moves no output
// of another class: the abrupt change that ER-ACE is there to prevent.
func TestAsymmetricLossLeavesOtherClassesAlone(t *testing.T) {
	log := classes(2, 60, [2]int{0, 1}).records
	moved := map[arm.LossKind]bool{}
	for _, kind := range []arm.LossKind{arm.LossER, arm.LossERACE} {
		cfg := classConfig()
		cfg.Arms[0].Rehearsal.Ratio = -1
		cfg.Arms[0].Loss.Kind = kind
		e := newEngine(t, cfg)
		first := weightsOf(t, e)
		apply(t, e, log)
		last := weightsOf(t, e)
		n := len(last) - 1
		require.NotEqual(t, first[n].Data[:2], last[n].Data[:2], "nothing was learned")
		moved[kind] = first[n].Data[3] != last[n].Data[3]
	}
	require.Equal(t, map[arm.LossKind]bool{arm.LossER: true, arm.LossERACE: false}, moved)
}

func TestComplementaryLabelsAreLearnedUnderAMask(t *testing.T) {
	cfg := classConfig()
	cfg.Arms[0].Loss.Kind = arm.LossERACE
	l := classes(1, 40, [2]int{0, 1})
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 40 {
		id, no := fmt.Sprint("n", i), false
		served := prediction(id, row(r), 0)
		served.Prediction.Outputs = []float64{0, 0.1, 0.8, 0.1, 0}
		l.add(time.Millisecond, served)
		wrong := label("l"+id, id, 0)
		wrong.Feedback.Signal.Kind, wrong.Feedback.Signal.Value, wrong.Feedback.Signal.Correct = feedback.Correctness, nil, &no
		l.add(time.Millisecond, wrong)
	}
	e := newEngine(t, cfg)
	apply(t, e, l.records)
	require.Equal(t, uint64(80), e.Report().Arms[0].Counts.Learned)
	require.Zero(t, e.Report().Arms[0].Counts.NonFinite)
}

func TestLossesAreRefusedWithTheFieldAndTheRule(t *testing.T) {
	for want, change := range map[string]func(*engine.Config){
		"arms[0].loss.kind: must be one of er, er_ace, der, derpp, ace_derpp, lwf": func(c *engine.Config) { c.Arms[0].Loss.Kind = "best" },
		"arms[0].loss.alpha: must be absent for kind er, got 1":                    func(c *engine.Config) { c.Arms[0].Loss.Alpha = 1 },
		"arms[0].loss.beta: must be absent for kind er_ace": func(c *engine.Config) {
			c.Arms[0].Loss = arm.Loss{Kind: arm.LossERACE, Beta: 1}
		},
		"arms[0].loss.beta: must be above 0 and finite, got -1": func(c *engine.Config) {
			c.Arms[0].Loss.Beta = -1
		},
		"arms[0].loss.beta: must be absent with projection.kind agem": func(c *engine.Config) {
			c.Arms[0].Loss.Beta, c.Arms[0].Projection.Kind = 1, arm.ProjectAGEM
		},
		"arms[0].loss.beta: must be absent for kind der": func(c *engine.Config) {
			c.Arms[0].Loss = arm.Loss{Kind: arm.LossDER, Beta: 1}
		},
		"arms[0].loss.temperature: must be absent for kind er": func(c *engine.Config) { c.Arms[0].Loss.Temperature = 3 },
		"arms[0].loss.kind: must not be lwf for task binary": func(c *engine.Config) {
			c.Spec.Task, c.Spec.Classes = models.Binary, 0
			c.Arms[0].Loss.Kind = arm.LossLwF
		},
		"arms[0].loss.alpha: must be above 0": func(c *engine.Config) {
			c.Arms[0].Loss = arm.Loss{Kind: arm.LossDER, Alpha: -1}
		},
		"arms[0].loss.smoothing: must be in [0, 1)": func(c *engine.Config) { c.Arms[0].Loss.Smoothing = 1 },
		"arms[0].loss.kind: must not be er_ace for task binary": func(c *engine.Config) {
			c.Spec.Task, c.Spec.Classes = models.Binary, 0
			c.Arms[0].Loss.Kind = arm.LossERACE
		},
	} {
		cfg := classConfig()
		change(&cfg)
		_, err := engine.New(cfg, nil)
		require.ErrorContains(t, err, want)
	}
}

func TestDefaultStrategyFillsInWhatIsLeftOpen(t *testing.T) {
	log := classes(1, 150, [2]int{0, 1}, [2]int{2, 3}).records
	learn := func(change func(*arm.Config)) string {
		cfg := classConfig()
		cfg.Arms[0].Replay = replay.Config{Capacity: 64}
		change(&cfg.Arms[0])
		e := newEngine(t, cfg)
		apply(t, e, log)
		return hash(t, e)
	}
	by := arm.Loss{Kind: arm.LossACEDERPP, Alpha: 1, Beta: 1}
	want := learn(func(a *arm.Config) { a.Loss, a.Replay.Kind = by, replay.ClassBalanced })
	require.Equal(t, want, learn(func(a *arm.Config) { a.Strategy = arm.StrategyDefault }))
	own := learn(func(a *arm.Config) { a.Strategy, a.Replay.Kind = arm.StrategyDefault, replay.Reservoir })
	require.Equal(t, learn(func(a *arm.Config) { a.Loss, a.Replay.Kind = by, replay.Reservoir }), own, "what is written holds")

	for task, want := range map[models.Task]arm.Config{
		models.Binary: {
			Replay: replay.Config{Kind: replay.ClassBalanced}, Loss: arm.Loss{Beta: 0.1},
			Optimizer: []optim.Config{
				{Clip: &optim.Clip{Norm: 10}},
				{AdamW: &optim.AdamW{LearningRate: 0.004, Beta1: 0.1, Beta2: 0.99}},
			},
		},
		models.Regression: {Replay: replay.Config{Kind: replay.RecencyMixed}, Optimizer: config().Arms[0].Optimizer},
	} {
		learn := func(change func(*arm.Config)) string {
			cfg := config()
			cfg.Spec.Task = task
			cfg.Arms[0].Replay.Kind = ""
			change(&cfg.Arms[0])
			e := newEngine(t, cfg)
			apply(t, e, traffic(2, 300).records)
			return hash(t, e)
		}
		by := learn(func(a *arm.Config) {
			a.Replay.Kind, a.Rehearsal.Ratio, a.Loss, a.Optimizer = want.Replay.Kind, 4, want.Loss, want.Optimizer
		})
		require.Equal(t, by, learn(func(a *arm.Config) {
			a.Strategy = arm.StrategyDefault
			if task == models.Binary {
				a.Optimizer = nil
			}
		}), task)
	}
	cfg := classConfig()
	cfg.Arms[0].Strategy = "best"
	_, err := engine.New(cfg, nil)
	require.ErrorContains(t, err, `arms[0].strategy: must be default or absent, got "best"`)
}

func TestRestoreRefusesClassesThatAreNone(t *testing.T) {
	cfg := classConfig()
	cfg.Arms[0].Loss.Kind = arm.LossERACE
	e := newEngine(t, cfg)
	apply(t, e, classes(1, 40, [2]int{3, 4}).records)
	narrow := cfg
	narrow.Spec.Classes = 4
	fresh := newEngine(t, narrow)
	require.ErrorContains(t, fresh.Restore(readFrom(partsOf(t, e))), "class 4 of those seen")
}
