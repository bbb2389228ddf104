package measure_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/measure"
)

var nan = math.NaN()

// three tasks: the first is forgotten by halves, the second recovers.
func matrix() measure.Matrix {
	return measure.Matrix{
		{0.9, 0.2, 0.1},
		{0.6, 0.8, 0.3},
		{0.5, 0.9, 0.7},
	}
}

func ExampleMatrix() {
	m := matrix()
	tasks := m.Tasks([]float64{0.1, 0.1, 0.1})
	fmt.Printf("accuracy %.4f, forgetting %.4f\n", tasks.AverageAccuracy(), tasks.Forgetting())
	fmt.Printf("backward transfer %.4f (GEM), %.4f (Díaz-Rodríguez)\n", tasks.BackwardTransfer(), m.BackwardTransferDR())
	fmt.Printf("forward transfer %.4f\n", tasks.ForwardTransfer())
	// Output:
	// accuracy 0.7000, forgetting 0.1500
	// backward transfer -0.1500 (GEM), -0.2000 (Díaz-Rodríguez)
	// forward transfer 0.1500
}

func TestForgettingLooksForTheBestBetween(t *testing.T) {
	m := measure.Matrix{{0.5, nan, nan}, {0.8, 0.6, nan}, {0.7, 0.6, 0.9}}.Tasks([]float64{0, 0, 0})
	require.InDelta(t, 0.05, m.Forgetting(), 1e-12, "task 1 was best after task 2")
	require.InDelta(t, 0.1, m.BackwardTransfer(), 1e-12)
	require.InDelta(t, (0.5+0.6+0.9)/3, m.LearningAccuracy(), 1e-12)
	require.True(t, math.IsNaN(m.ForwardTransfer()), "the future was not measured")
}

func TestWhatCannotBeComputedIsNaN(t *testing.T) {
	one := measure.Matrix{{0.9}}.Tasks([]float64{0.1})
	for name, v := range map[string]float64{
		"backward": one.BackwardTransfer(), "both": measure.Matrix{{0.9}}.BackwardTransferDR(), "forgetting": one.Forgetting(),
		"forward": one.ForwardTransfer(), "nothing": measure.NewMatrix(2).Tasks(nil).AverageAccuracy(),
		"joint": measure.Matrix{{nan, nan}, {0.9, 0.8}}.Tasks(nil).Forgetting(), "no tasks": measure.Matrix{}.Tasks(nil).AverageAccuracy(),
		"no looks": measure.Curve{}.AnytimeAccuracy(), "no worst": measure.Curve{}.Tasks().WorstCaseAccuracy(),
		"deviation of one": measure.Sample{1}.Deviation(),
	} {
		require.True(t, math.IsNaN(v), name)
	}
}

func TestTheStabilityGapIsSeenOnlyByLooksInBetween(t *testing.T) {
	c := measure.Curve{
		{Task: 0, Accuracy: []float64{0.5}}, {Task: 0, Accuracy: []float64{0.9}},
		{Task: 1, Accuracy: []float64{0.2, 0.6}}, {Task: 1, Accuracy: []float64{0.8, 0.7}},
	}
	require.InDelta(t, 0.2, c.Tasks().MinimumAccuracy(), 1e-12, "the dip, not the low start of the task itself")
	require.InDelta(t, 0.7/2+0.2/2, c.Tasks().WorstCaseAccuracy(), 1e-12)
	require.InDelta(t, (0.5+0.9+0.4+0.75)/4, c.AnytimeAccuracy(), 1e-12)
	require.InDelta(t, 0.9, c[:2].Tasks().WorstCaseAccuracy(), 1e-12)
}

func TestVerdictWeighsAMissAgainstTheSpread(t *testing.T) {
	s := measure.Sample{0.90, 0.92, 0.94}
	require.InDelta(t, 0.02, s.Deviation(), 1e-12)
	for published, want := range map[float64]string{0.91: "passed", 0.93: "within spread", 0.95: "missed"} {
		require.Equal(t, want, s.Verdict(published))
	}
	require.Equal(t, "missed", measure.Sample{0.9}.Verdict(0.91), "one seed has no spread to excuse it")
	require.Equal(t, "not measured", measure.Sample{}.Verdict(0.5))
}
