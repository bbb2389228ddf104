package arm

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// newArm is an arm by the defaults.
func newArm(t testing.TB, f Front, cfg Config) *Arm {
	cfg.Name = "learner"
	cfg = cfg.WithDefaults(f.Spec.Task)
	require.NoError(t, cfg.Validate(f.Spec, "", false))
	f.Meter = meter(f.Spec.Task)
	a, err := New(cfg, f)
	require.NoError(t, err)
	return a
}

func meter(task models.Task) prequential.Config { return prequential.Config{Task: task}.WithDefaults() }

func front(classes int) Front {
	return Front{Seed: 3, Rows: 4, Spec: models.Spec{
		Kind: "mlp", Task: models.Multiclass, Classes: classes, Dense: 4, Hidden: []int{6}, Activation: "tanh",
	}}
}

// stepped are settings under which a step takes each of its ways.
func stepped() map[string]Config {
	adam := []optim.Config{{EWC: &optim.EWC{Fisher: optim.FisherExact}}, {AdamW: &optim.AdamW{LearningRate: 0.05}}}
	return map[string]Config{
		"er":        {Optimizer: adam},
		"ace_derpp": {Optimizer: adam, Loss: Loss{Kind: LossACEDERPP}},
		"lwf":       {Optimizer: adam, Loss: Loss{Kind: LossLwF}},
		"agem":      {Optimizer: adam, Projection: Projection{Kind: ProjectAGEM}},
		"gss":       {Optimizer: adam, Replay: replay.Config{Kind: replay.GSS, Capacity: 12}},
	}
}

// lesson has the arm learn batches from one position to another, with a phase of five.
func lesson(t *testing.T, a *Arm, from, to uint64, classes int) {
	for at := from; at < to; at++ {
		r := rand.New(rand.NewPCG(at, 6))
		var fresh []*replay.Example
		for i := range 4 {
			ex := &replay.Example{ID: fmt.Sprint(at, ".", i), Position: at, Weight: 1, Target: float32(r.IntN(classes))}
			for range 4 {
				ex.Dense = append(ex.Dense, float32(r.NormFloat64())+ex.Target)
			}
			fresh = append(fresh, ex)
		}
		require.NoError(t, a.Learn(fresh, at, a.Streams(at)))
		if at%5 == 0 {
			require.NoError(t, a.Consolidate(at))
		}
	}
}

func kept(t *testing.T, a *Arm) map[string][]byte {
	parts := map[string][]byte{}
	for _, p := range a.Parts("main.") {
		var buf bytes.Buffer
		require.NoError(t, p.Write(&buf))
		parts[p.Name] = buf.Bytes()
	}
	return parts
}

func TestARestoredArmGoesOnAsTheOriginalDoes(t *testing.T) {
	for name, cfg := range stepped() {
		t.Run(name, func(t *testing.T) {
			a := newArm(t, front(3), cfg)
			lesson(t, a, 1, 13, 3)
			require.EqualValues(t, 12, a.Counts().Steps)

			stored := kept(t, a)
			again := newArm(t, front(3), cfg)
			require.NoError(t, again.SetState(a.State()))
			require.NoError(t, again.Restore("main.", func(name string) ([]byte, error) { return stored[name], nil }))
			require.Equal(t, stored, kept(t, again))

			lesson(t, a, 13, 25, 3)
			lesson(t, again, 13, 25, 3)
			require.Equal(t, a.State(), again.State())
			require.Equal(t, kept(t, a), kept(t, again))
		})
	}
}

func TestAnArmDoesNotTakeTheStateOfAnother(t *testing.T) {
	a := newArm(t, front(3), stepped()["er"])
	st := a.State()
	st.Name = "other"
	require.ErrorContains(t, a.SetState(st), `arm "other", configured is "learner"`)
}

func TestAWiderArmAnswersAsBeforeAndLearnsOn(t *testing.T) {
	for name, cfg := range stepped() {
		t.Run(name, func(t *testing.T) {
			a := newArm(t, front(3), cfg)
			lesson(t, a, 1, 13, 3)
			b := batch.New(front(3).Spec, models.Objective{}, 1)
			b.Add(&replay.Example{Dense: []float32{1, 0, -1, 2}, Weight: 1})
			narrow := make([]float32, 3)
			require.NoError(t, a.Predict(narrow, b.View()))

			f := front(5)
			f.Meter = meter(f.Spec.Task)
			wide, err := a.Widened(f)
			require.NoError(t, err)
			answer := make([]float32, 5)
			require.NoError(t, wide.Predict(answer, b.View()))
			for c := range narrow[1:] {
				before, now := narrow[c+1]/narrow[0], answer[c+1]/answer[0]
				require.InDelta(t, 1, before/now, 1e-4, "the odds of classes that were known")
			}
			lesson(t, wide, 13, 25, 5)
			require.EqualValues(t, 24, wide.Counts().Steps)
		})
	}
}

func TestALearnerThatIsRolledBackForgetsWhatCameLater(t *testing.T) {
	a := newArm(t, front(3), stepped()["er"])
	lesson(t, a, 1, 6, 3)
	early := a.Freeze()
	lesson(t, a, 6, 11, 3)
	require.NoError(t, a.RollBack(5, early))
	require.True(t, early.Params().Equal(a.Freeze().Params()))
	require.Equal(t, 20, a.Report().MemoryLen)
	require.EqualValues(t, 20, a.Counts().Forgotten)
}

func TestAnExampleThatAloneIsToBlameLeavesTheStep(t *testing.T) {
	a := newArm(t, front(3), stepped()["er"])
	good := &replay.Example{ID: "good", Dense: []float32{1, 2, 3, 4}, Weight: 1}
	bad := &replay.Example{ID: "bad", Dense: []float32{float32(math.NaN()), 2, 3, 4}, Weight: 1}
	require.NoError(t, a.Learn([]*replay.Example{good, bad}, 1, a.Streams(1)))
	c := a.Counts()
	require.EqualValues(t, 1, c.Unusable)
	require.EqualValues(t, 1, c.Learned)
	require.Equal(t, 1, a.Report().MemoryLen)
}
