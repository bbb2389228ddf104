package arm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// judgedArm is an arm for a task, with examples of it.
func judgedArm(t testing.TB, task models.Task, loss LossKind) (*Arm, []*replay.Example) {
	spec := models.Spec{Kind: "mlp", Task: task, Dense: 4, Categories: []int{3}, Hidden: []int{6}, Activation: "tanh"}
	if task == models.Multiclass {
		spec.Classes = 3
	}
	a := newArm(t, Front{Seed: 3, Spec: spec, Rows: 4}, Config{
		Optimizer: []optim.Config{{AdamW: &optim.AdamW{LearningRate: 0.1}}}, Loss: Loss{Kind: loss},
	})
	r := rand.New(rand.NewPCG(5, 6))
	var list []*replay.Example
	for i := range 20 {
		ex := &replay.Example{ID: string(rune('a' + i)), Weight: 1, Categories: []int32{int32(i % 3)}, Target: float32(i % 2)}
		for range 4 {
			ex.Dense = append(ex.Dense, float32(r.NormFloat64()))
		}
		list = append(list, ex)
	}
	return a, list
}

// With a batch of one and the plain loss, the judge's loss is the model's, and its residuals
// and features make the gradient of the last layer.
func TestJudgesOpinionIsTheGradientOfTheLastLayer(t *testing.T) {
	for _, task := range []models.Task{models.Multiclass, models.Binary, models.Regression} {
		t.Run(string(task), func(t *testing.T) {
			a, list := judgedArm(t, task, LossER)
			o := a.judge.Judge(list) // more than the model takes at once
			require.NoError(t, a.judge.take())
			require.Equal(t, 6, o.Width)
			for i, ex := range list {
				a.batch.Reset()
				a.batch.Add(ex)
				loss, err := a.model.Gradients(a.batch.View())
				require.NoError(t, err)
				require.InDelta(t, loss, o.Losses[i], 1e-5)
				grads := a.model.Grads()
				weight, bias := grads[len(grads)-2], grads[len(grads)-1]
				require.InDeltaSlice(t, bias.Data, o.Residual(i), 1e-5)
				for h, feature := range o.Feature(i) {
					for c, d := range o.Residual(i) {
						require.InDelta(t, weight.Data[h*o.Outputs+c], feature*d, 1e-5)
					}
				}
			}
		})
	}
}

func TestAheadIsWhatTheNextStepWouldMakeOfIt(t *testing.T) {
	for _, loss := range []LossKind{LossER, LossERACE, LossDERPP} {
		t.Run(string(loss), func(t *testing.T) {
			a, list := judgedArm(t, models.Multiclass, loss)
			for range 5 { // moments that are not zero
				require.NoError(t, a.update(a.portions(list[:4], [2][]*replay.Example{})))
			}
			fresh := list[4:8]
			a.classes.note(fresh)
			params, state := a.model.Params().Clone(), a.step.State()
			ahead := append([]float32(nil), a.judge.Ahead(list, fresh)...)
			require.NoError(t, a.judge.take())
			require.True(t, params.Equal(a.model.Params()), "the step was taken back")
			require.True(t, state.Tensors.Equal(a.step.State().Tensors))
			before := append([]float32(nil), a.judge.Judge(list).Losses...)
			require.NotEqual(t, before, ahead)

			require.NoError(t, a.update(a.portions(fresh, [2][]*replay.Example{})))
			after := a.judge.Judge(list).Losses
			require.InDeltaSlice(t, after, ahead, 1e-5)
		})
	}
}

func TestJudgeThinksTheWorstOfWhatGivesNoNumbers(t *testing.T) {
	a, list := judgedArm(t, models.Multiclass, LossER)
	broken := *list[1]
	broken.Dense = []float32{1, float32(math.NaN()), 0, 0}
	o := a.judge.Judge([]*replay.Example{list[0], &broken, list[2]})
	require.NoError(t, a.judge.take())
	require.EqualValues(t, math.MaxFloat32, o.Losses[1])
	require.Equal(t, make([]float32, 6), o.Feature(1))
	require.Equal(t, make([]float32, 3), o.Residual(1))
	require.Less(t, o.Losses[0], float32(20))
	require.Less(t, o.Losses[2], float32(20))

	alone := append([]float32(nil), o.Losses...)
	require.Equal(t, alone, a.judge.Ahead([]*replay.Example{list[0], &broken, list[2]}, []*replay.Example{&broken}),
		"a step that gives no numbers is none")
	require.NoError(t, a.judge.take())
}

func TestJudgingAllocatesNothing(t *testing.T) {
	a, list := judgedArm(t, models.Multiclass, LossER)
	fresh := list[:4]
	a.judge.Judge(list)
	a.judge.Ahead(list, fresh)
	require.Zero(t, testing.AllocsPerRun(20, func() { a.judge.Judge(list) }))
	require.Zero(t, testing.AllocsPerRun(20, func() { a.judge.Ahead(list, fresh) }))
	require.NoError(t, a.judge.take())
}

func TestLossAwareMemoryHearsTheLossesOfAStepWithoutAskingAgain(t *testing.T) {
	a, list := judgedArm(t, models.Multiclass, LossER)
	a.cfg.Replay.Kind = replay.LossAware
	var err error
	a.memory, err = replay.NewJudged(a.cfg.Replay, refuser{t})
	require.NoError(t, err)
	a.choose, err = replay.NewRetriever(a.cfg.Replay.Retrieve, a.memory, nil)
	require.NoError(t, err)
	for i := range 5 {
		require.NoError(t, a.Learn(list[4*i:4*i+4], uint64(i), a.Streams(uint64(i))))
	}
	require.Equal(t, 20, a.memory.Len())
}

// refuser is a judge that is not to be asked.
type refuser struct{ t *testing.T }

func (r refuser) Judge([]*replay.Example) replay.Opinions {
	r.t.Error("asked for what the step has told")
	return replay.Opinions{}
}

func (r refuser) Ahead([]*replay.Example, []*replay.Example) []float32 { return nil }
