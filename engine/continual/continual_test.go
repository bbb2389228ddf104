package continual_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/continual"
)

// A phase ends at 0.9, is half forgotten while the next one is learned, and recovers.
func Example() {
	first, second := continual.NewTask(), continual.NewTask()
	first.Learn(0.7)
	first.End(0.9)
	for _, look := range [][2]float64{{0.4, 0.6}, {0.8, 0.7}} {
		first.Look(look[0])
		second.Learn(look[1])
	}
	tasks := continual.Tasks{first, second}
	fmt.Printf("accuracy %.2f, worst case %.2f\n", tasks.AverageAccuracy(), tasks.WorstCaseAccuracy())
	fmt.Printf("forgetting %.2f, backward transfer %.2f\n", tasks.Forgetting(), tasks.BackwardTransfer())
	// Output:
	// accuracy 0.75, worst case 0.55
	// forgetting 0.10, backward transfer -0.10
}

func TestForgettingIsBelowZeroWhereTheLatestLookIsTheBest(t *testing.T) {
	a := continual.NewTask()
	a.End(0.5)
	a.Look(0.4)
	a.Look(0.6)
	tasks := continual.Tasks{a, continual.NewTask()}
	require.InDelta(t, -0.1, tasks.Forgetting(), 1e-12, "Chaudhry et al.: the maximum is over what came before")
	require.InDelta(t, 0.4, tasks.MinimumAccuracy(), 1e-12)
	require.InDelta(t, 1.2, tasks.Retention(), 1e-12)
}

func TestForwardTransferIsOverTasksThatWereMeasuredBefore(t *testing.T) {
	tasks := make(continual.Tasks, 3)
	for i := range tasks {
		tasks[i] = continual.NewTask()
		tasks[i].First = 0.1
	}
	require.True(t, math.IsNaN(tasks.ForwardTransfer()), "the first task has nothing before it")
	tasks[2].Before = 0.4
	require.InDelta(t, 0.3, tasks.ForwardTransfer(), 1e-12)
}

func TestTheTaskBeingLearnedHasNoLearningAccuracy(t *testing.T) {
	done, open := continual.NewTask(), continual.NewTask()
	done.End(0.8)
	open.Learn(0.2)
	require.InDelta(t, 0.8, continual.Tasks{done, open}.LearningAccuracy(), 1e-12)
	require.True(t, math.IsNaN(continual.Tasks{open}.LearningAccuracy()))
	require.True(t, math.IsNaN(continual.Tasks{done}.MinimumAccuracy()), "nothing came after it")
	require.True(t, math.IsNaN(continual.Tasks(nil).WorstCaseAccuracy()))
}

func TestCloserLooksDoNotWeighMore(t *testing.T) {
	var sparse, dense continual.Mean
	require.True(t, math.IsNaN(sparse.Value()))
	sparse.Add(0.5, 10)
	sparse.Add(0.9, 10)
	dense.Add(0.5, 10)
	for range 10 {
		dense.Add(0.9, 1)
	}
	require.InDelta(t, sparse.Value(), dense.Value(), 1e-12)
}
