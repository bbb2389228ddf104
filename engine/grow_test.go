package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// growing is a learner that knows two classes and may come to know five.
func growing() engine.Config {
	cfg := classConfig()
	cfg.Spec.Classes, cfg.MaxClasses = 2, 5
	return cfg
}

// growers are the ways of learning whose state has something for each class.
func growers() map[string]engine.Config {
	list := map[string]engine.Config{}
	for name, loss := range losses() {
		cfg := growing()
		cfg.Arms[0].Loss = loss
		list[name] = cfg
	}
	for name, guard := range guards() {
		cfg := growing()
		cfg.Arms[0].Optimizer = guard
		cfg.Arms[0].Consolidation.Every = 100
		list[name] = cfg
	}
	adam := growing()
	adam.Arms[0].Optimizer = []optim.Config{{AdamW: &optim.AdamW{LearningRate: 0.01}}}
	list["adamw"] = adam
	taught := growing()
	taught.Arms[0].Loss.Kind = arm.LossLwF
	taught.Arms[0].Consolidation.Every = 100
	list["lwf"] = taught
	linear := growing()
	linear.Spec.Kind, linear.Spec.Hidden, linear.Spec.Activation = "linear", nil, ""
	list["linear"] = linear
	anchored := growing()
	anchored.Metrics.Anchors = anchor.Config{Size: 20, Share: 0.2, Every: 30}
	anchored.Arms[0].Consolidation = arm.Consolidation{Every: 100, ResetOptimizer: true}
	list["anchors"] = anchored
	gss := growing()
	gss.Arms[0].Replay.Kind = replay.GSS
	list["gss"] = gss
	return list
}

func TestAHeadThatGrewGoesOnBitForBitAfterRestore(t *testing.T) {
	log := classes(1, 130, [2]int{0, 1}, [2]int{1, 2}, [2]int{4, 0}).records
	for name, cfg := range growers() {
		t.Run(name, func(t *testing.T) {
			whole, broken := newEngine(t, cfg), newEngine(t, cfg)
			want := apply(t, whole, log)
			var got []string
			r := rand.New(rand.NewPCG(3, 2))
			for at := 0; at < len(log); {
				n := min(1+r.IntN(47), len(log)-at)
				got = append(got, apply(t, broken, log[at:at+n])...)
				at += n
				broken = copied(t, cfg, broken)
			}
			require.Equal(t, want, got)
			require.Equal(t, hash(t, whole), hash(t, broken))
			require.Equal(t, whole.Report(), broken.Report())
			rep := whole.Report()
			require.Equal(t, 5, rep.Classes)
			require.Len(t, rep.Grown, 2, "to three classes, and then by two at once")
			require.Greater(t, rep.Grown[0].Position, uint64(130))
			require.Greater(t, rep.Grown[1].Position, uint64(260))
		})
	}
}

func TestOnlyWhatIsLearnedWidensTheHead(t *testing.T) {
	cfg := growing()
	e := newEngine(t, cfg)
	l := newTape()
	r := rand.New(rand.NewPCG(1, 1))
	measured := selfContained("measured", row(r), 4)
	measured.Consent = feedback.ConsentMeasure
	l.add(time.Millisecond, measured)
	withdrawn := selfContained("withdrawn", row(r), 3)
	l.add(time.Millisecond, withdrawn)
	back := label("back", "", 3)
	back.Feedback.Signal = nil
	back.Feedback.Operation = &feedback.Operation{Kind: feedback.Withdraw, EventID: "withdrawn"}
	l.add(time.Millisecond, back)
	l.add(time.Second, tick("t"))
	apply(t, e, l.records)
	require.Equal(t, 2, e.Report().Classes)
	require.Zero(t, e.Report().Arms[0].Counts.Learned)

	from := len(l.records)
	l.add(time.Millisecond, selfContained("new", row(r), 2))
	l.add(time.Second, tick("t2"))
	apply(t, e, l.records[from:])
	require.Equal(t, []engine.Growth{{Position: l.position, Classes: 3}}, e.Report().Grown)
}

func TestAComplementaryLabelOfAnUnknownClassSaysNothing(t *testing.T) {
	cfg := growing()
	e := newEngine(t, cfg)
	l := newTape()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 20 { // "not class 4", of a prediction that a wider version gave
		id := fmt.Sprint("p", i)
		x := row(r)
		p := prediction(id, x, 0)
		p.Prediction.Outputs = []float64{0.1, 0.1, 0.1, 0.1, 0.6}
		l.add(time.Millisecond, p)
		wrong := label("w"+id, id, 0)
		no := false
		wrong.Feedback.Signal = &feedback.Signal{Kind: feedback.Correctness, Correct: &no}
		l.add(time.Millisecond, wrong)
	}
	l.add(time.Minute, tick("t"))
	apply(t, e, l.records)
	require.Equal(t, 2, e.Report().Classes)
}

func TestStableIsScoredAsItIsServedWhileItKnowsFewerClasses(t *testing.T) {
	e := newEngine(t, growing())
	log := classes(1, 100, [2]int{0, 1}, [2]int{2, 3})
	apply(t, e, log.records[:100])
	pin := log.records[100]
	pin.Event = control("pin", feedback.Control{Action: feedback.Pin})
	apply(t, e, append([]engine.Record{pin}, log.records[101:]...))
	rep := e.Report()
	require.Equal(t, 4, rep.Classes)
	require.LessOrEqual(t, rep.Channels.Stable, uint64(101))
	require.Equal(t, rep.Stable.Total, rep.Arms[0].Prequential.Total)
	require.Zero(t, rep.Stable.Skipped, "examples of classes that stable does not know are scored, too")
	require.Less(t, *rep.Stable.Window.Accuracy, *rep.Arms[0].Prequential.Window.Accuracy)
	require.Greater(t, *rep.Stable.Window.Loss, 5.0, "half of the examples are of classes to which it gives the least probability")
}

func TestRollbackToFewerClassesKeepsTheWiderHead(t *testing.T) {
	cfg := growing()
	s := shelf{}
	e, err := engine.New(cfg, s)
	require.NoError(t, err)
	log := classes(1, 100, [2]int{0, 1}, [2]int{2, 3})
	s.keep(t, e, log.records[:100])
	narrow := e.Report().Channels.Candidate
	s.keep(t, e, log.records[100:])
	require.Equal(t, 4, e.Report().Classes)
	log.add(time.Millisecond, control("c", feedback.Control{
		Action: feedback.Rollback, Version: narrow, Digest: "sha256:any", Learner: true,
	}))
	effects, err := e.Apply(log.records[200])
	require.NoError(t, err)
	moved := effects[0].(engine.MoveChannel)
	require.Equal(t, 2, moved.Spec.Classes, "what is served is the version as it was")
	require.True(t, moved.Weights.Equal(s[narrow]))
	require.Equal(t, 4, e.Spec().Classes)
	wide, params, err := models.Grow(moved.Spec, moved.Weights.Params(), 4)
	require.NoError(t, err)
	require.Equal(t, e.Spec(), wide)
	require.NoError(t, e.Weights().Fits(params))
	require.True(t, e.Weights().Equal(params.Freeze()))

	again := copied(t, cfg, e)
	require.Equal(t, hash(t, e), hash(t, again))
	more := classes(9, 60, [2]int{0, 3}).records
	for i := range more {
		more[i].Position += log.position
		more[i].Time += int64(time.Minute)
		more[i].Event.ID = "more" + more[i].Event.ID
	}
	require.Equal(t, apply(t, e, more), apply(t, again, more))
	require.Equal(t, hash(t, e), hash(t, again))
}

func TestGrowthIsRefusedWithTheFieldAndTheRule(t *testing.T) {
	for want, change := range map[string]func(*engine.Config){
		"max_classes: must be absent for task binary": func(c *engine.Config) { c.Spec.Task, c.Spec.Classes = models.Binary, 0 },
		"max_classes: must be at least classes, 2":    func(c *engine.Config) { c.MaxClasses = 1 },
		"max_classes: must be absent beside class_norm": func(c *engine.Config) {
			c.Spec.Kind, c.Spec.Hidden, c.Spec.ClassNorm = "mlp", []int{4}, 1
		},
		"max_classes: must be absent beside heads": func(c *engine.Config) {
			c.Segment, c.Heads = "task", batch.Heads{{Segment: "a", Classes: []int{0, 1}}}
		},
	} {
		cfg := growing()
		change(&cfg)
		_, err := engine.New(cfg, nil)
		require.ErrorContains(t, err, want)
	}
	cfg := growing()
	e := newEngine(t, cfg)
	apply(t, e, classes(1, 60, [2]int{0, 4}).records)
	less := cfg
	less.MaxClasses = 3
	require.ErrorContains(t, newEngine(t, less).Restore(readFrom(partsOf(t, e))), "passes the 3 configured")
}
