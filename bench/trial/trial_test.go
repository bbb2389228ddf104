package trial_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/trial"
)

// suite is Split-MNIST on the sample, small enough for a test.
const suite = `
name: small
data: mnist
scenario: {kind: split, tasks: 5, mean: 0.13, scale: 0.31}
epochs: 4
look: {every: 4, rows: 20}
learner:
  model: {kind: mlp, hidden: [64]}
  batch: {size: 16}
  optimizer: [{adamw: {learning_rate: 0.002}}]
  rehearsal: {ratio: -1}
methods:
  - {name: none}
  - {name: er, learner: {replay: {kind: class_balanced, capacity: 100}, rehearsal: {ratio: 1}}}
  - {name: joint, joint: true}
  - {name: majority, baseline: majority}
  - {name: last, baseline: last_class}
`

func run(t testing.TB, text, method string, seed uint64) trial.Outcome {
	t.Helper()
	o, err := prepare(t, text, method, seed).Run(context.Background())
	require.NoError(t, err)
	return o
}

func prepare(t testing.TB, text, method string, seed uint64) trial.Trial {
	t.Helper()
	s, err := protocol.Read("test", strings.NewReader(text))
	require.NoError(t, err)
	e, err := data.Find(s.Data)
	require.NoError(t, err)
	split, err := e.Load("../data/testdata")
	require.NoError(t, err)
	m, ok := s.Method(method)
	require.True(t, ok)
	clock := time.Unix(0, 0)
	return trial.Trial{Suite: s, Method: m, Seed: seed, Data: split, Clock: func() time.Time {
		clock = clock.Add(time.Second)
		return clock
	}}
}

func TestALearnerWithoutDefenceForgetsAndRehearsalRemembers(t *testing.T) {
	long := strings.Replace(suite, "epochs: 4", "epochs: 20", 1)
	none, er, joint := run(t, long, "none", 1), run(t, long, "er", 1), run(t, long, "joint", 1)
	require.Less(t, none.Matrix.Tasks(nil).AverageAccuracy(), 0.45)
	require.Greater(t, none.Matrix.Tasks(nil).Forgetting(), 0.4)
	require.Greater(t, none.Matrix.Tasks(nil).LearningAccuracy(), 0.8)
	require.Greater(t, er.Matrix.Tasks(nil).AverageAccuracy(), none.Matrix.Tasks(nil).AverageAccuracy()+0.2)
	require.Less(t, er.Matrix.Tasks(nil).Forgetting(), none.Matrix.Tasks(nil).Forgetting())
	require.Greater(t, joint.Matrix.Tasks(nil).AverageAccuracy(), 0.7)
	require.Equal(t, 100, er.MemoryLen)
	require.Zero(t, er.Dropped)
	// 5 tasks of 60 rows, 20 times, in batches of 16: 3 full ones and one of 12 each.
	require.EqualValues(t, 5*60*20, none.Examples)
	require.EqualValues(t, 5*20*4, none.Steps)
	require.NotNil(t, none.Prequential)
}

func TestEqualSeedsGiveEqualOutcomes(t *testing.T) {
	a := run(t, suite, "er", 5)
	require.Equal(t, a.Matrix[4], run(t, suite, "er", 5).Matrix[4])
	require.Equal(t, a.Curve, run(t, suite, "er", 5).Curve)
	require.NotEqual(t, a.Curve, run(t, suite, "er", 6).Curve)
}

func TestLookingDoesNotChangeWhatIsLearned(t *testing.T) {
	blind := run(t, strings.Replace(suite, "look: {every: 4, rows: 20}", "", 1), "er", 1)
	seen := run(t, suite, "er", 1)
	require.Equal(t, blind.Matrix[4], seen.Matrix[4])
	require.Empty(t, blind.Curve)
	// One look in the first 4 full batches of each task, and so on; and one at its end.
	require.Len(t, seen.Curve, 5*(3+1))
	require.Len(t, seen.Curve[len(seen.Curve)-1].Accuracy, 5)
}

func TestTheMatrixIsMeasuredOverPastPresentAndNext(t *testing.T) {
	m := run(t, suite, "none", 1).Matrix
	for i := range m {
		for j := range m[i] {
			require.Equal(t, j <= i+1, m[i][j] == m[i][j], "after task %d on task %d", i, j)
		}
	}
}

func TestBaselinesKnowLabelsAlone(t *testing.T) {
	majority, last := run(t, suite, "majority", 1), run(t, suite, "last", 1)
	require.InDelta(t, 0.1, majority.Matrix.Tasks(nil).AverageAccuracy(), 1e-9, "one class of ten")
	require.InDelta(t, 0.1, last.Matrix.Tasks(nil).AverageAccuracy(), 1e-9)
	require.InDelta(t, 0.5, last.Matrix[4][4], 1e-9)
	require.Zero(t, majority.Steps)
}

func TestAnAnnouncedTaskIsGuarded(t *testing.T) {
	guarded := strings.Replace(suite, "- {name: none}",
		"- {name: none, learner: {optimizer: [{l2: {strength: 1000}}, {sgd: {learning_rate: 0.001}}]}}", 1)
	announced := run(t, strings.Replace(guarded, "epochs: 4", "epochs: 4\nannounce: true", 1), "none", 1)
	silent := run(t, guarded, "none", 1)
	require.Equal(t, silent.Matrix[0][:2], announced.Matrix[0][:2])
	require.NotEqual(t, silent.Matrix[4], announced.Matrix[4])
	require.GreaterOrEqual(t, announced.Matrix[4][0], announced.Matrix[0][0]-0.06, "the first task is held")
}

func TestHeadsKeepTasksApart(t *testing.T) {
	told := strings.Replace(suite, "tasks: 5,", "tasks: 5, incremental: task,", 1)
	heads := strings.Replace(told, "rehearsal: {ratio: -1}", `rehearsal: {ratio: -1}
  heads:
    - {segment: 0-1, classes: [0, 1]}
    - {segment: 2-3, classes: [2, 3]}
    - {segment: 4-5, classes: [4, 5]}
    - {segment: 6-7, classes: [6, 7]}
    - {segment: 8-9, classes: [8, 9]}`, 1)
	require.Greater(t, run(t, heads, "none", 1).Matrix.Tasks(nil).AverageAccuracy(), run(t, told, "none", 1).Matrix.Tasks(nil).AverageAccuracy())
}

// What no label has named yet is no part of the loss, so that no step pushes it down.
func TestAHeadThatGrowsIsServedAsWideAsItIs(t *testing.T) {
	growing := strings.Replace(suite, "rehearsal: {ratio: -1}", "rehearsal: {ratio: -1}\n  max_classes: 10", 1)
	o, whole := run(t, growing, "er", 1), run(t, suite, "er", 1)
	require.Equal(t, whole.Examples, o.Examples)
	require.Zero(t, o.Matrix[0][1], "classes of a task to come are not among the answers")
	require.Greater(t, o.Matrix.Tasks(nil).AverageAccuracy(), 0.3)
	require.NotEqual(t, whole.Matrix[4], o.Matrix[4])

	_, err := prepare(t, strings.Replace(growing, "max_classes: 10", "max_classes: 5", 1), "er", 1).Run(context.Background())
	require.ErrorContains(t, err, "learner.max_classes: must be at least the 10 classes of mnist, got 5")
}

func TestWeightsThatGrewWithoutBoundAreWrongAndNoError(t *testing.T) {
	wild := strings.Replace(suite, "adamw: {learning_rate: 0.002}", "sgd: {learning_rate: 10000}", 1)
	o := run(t, wild, "none", 1)
	require.Less(t, o.Matrix.Tasks(nil).AverageAccuracy(), 0.3)
	require.NotZero(t, o.Dropped, "what was left out is counted")
}

func TestIterationsCountBatches(t *testing.T) {
	o := run(t, strings.Replace(suite, "epochs: 4", "iterations: 7", 1), "none", 1)
	require.EqualValues(t, 5*7, o.Steps)
	require.EqualValues(t, 5*7*16, o.Examples)
}

const stream = `
name: small-stream
data: elec2
scenario: {kind: stream, standardise: 50, anchor: 100, delay: 48}
figure: prequential
look: {every: 50}
learner:
  model: {kind: linear}
  batch: {size: 1}
  optimizer: [{sgd: {learning_rate: 0.05}}]
  rehearsal: {ratio: -1}
methods:
  - {name: logistic}
  - {name: last, baseline: last_class}
`

func TestAStreamsLabelsComeLate(t *testing.T) {
	late := run(t, stream, "logistic", 1)
	require.Len(t, late.Stream, 10)
	require.EqualValues(t, 500-48, late.Examples, "the labels of the last rows never came")
	require.EqualValues(t, 500-48, late.Steps)
	require.Nil(t, late.Stream[1].Anchor, "the anchor was not learned yet")
	require.NotNil(t, late.Stream[9].Anchor)
	prompt := run(t, strings.Replace(stream, ", delay: 48", "", 1), "last", 1)
	delayed := run(t, stream, "last", 1)
	require.Greater(t, *prompt.Prequential, *delayed.Prequential, "the last class that is known is a day old")
	require.Greater(t, *late.Prequential, 0.5)
}

func TestAnInterruptedTrialSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	tr := prepare(t, suite, "er", 1)
	tr.Progress = func(done, total int64) {
		require.EqualValues(t, 5*60*4, total)
		if done > 500 {
			cancel()
		}
	}
	_, err := tr.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestWhatDoesNotFitTheDataIsAnError(t *testing.T) {
	tr := prepare(t, suite, "er", 1)
	tr.Suite.Scenario.Tasks = 3
	_, err := tr.Run(context.Background())
	require.ErrorContains(t, err, "must divide")
}
