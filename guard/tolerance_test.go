package guard_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/guard"
)

func TestToleranceJudges(t *testing.T) {
	cfg := guard.Config{Window: 100, MinExamples: 10, Relative: 0.1, Absolute: 0.01}
	for _, tc := range []struct {
		name string
		e    guard.Evidence
		want guard.Action
	}{
		{"better is promoted", guard.Evidence{N: 50, Candidate: 0.4, Stable: 0.5}, guard.Promote},
		{"worse within the tolerance is promoted", guard.Evidence{N: 50, Candidate: 0.559, Stable: 0.5}, guard.Promote},
		{"worse beyond it is held", guard.Evidence{N: 50, Candidate: 0.561, Stable: 0.5}, guard.Hold},
		{"the first version of all is promoted", guard.Evidence{}, guard.Promote},
		{"a few examples are enough at the start", guard.Evidence{N: 9, Candidate: 0.4, Stable: 0.5}, guard.Promote},
		{"and hold what is worse", guard.Evidence{N: 9, Candidate: 0.6, Stable: 0.5}, guard.Hold},
		{"after a rollback too few examples hold", guard.Evidence{N: 9, Candidate: 0.1, Stable: 0.5, Probation: true}, guard.Hold},
		{"after a rollback enough examples promote", guard.Evidence{N: 10, Candidate: 0.4, Stable: 0.5, Probation: true}, guard.Promote},
		{"a pin holds the better one too", guard.Evidence{N: 50, Candidate: 0.1, Stable: 0.5, Pinned: true}, guard.Hold},
		{"a loss that is no number is held", guard.Evidence{N: 50, Candidate: math.NaN(), Stable: 0.5}, guard.Hold},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := guard.New(cfg).Judge(tc.e)
			require.Equal(t, tc.want, got.Action, got.Reason)
			require.NotEmpty(t, got.Reason)
		})
	}
}

func TestConfigNamesTheFieldThatBreaksARule(t *testing.T) {
	require.NoError(t, guard.Config{}.WithDefaults().Validate())
	for field, c := range map[string]guard.Config{
		"promote.window":       {Window: -1},
		"promote.min_examples": {Window: 5, MinExamples: 6},
		"promote.relative":     {Window: 5, Relative: math.NaN()},
		"promote.absolute":     {Window: 5, Absolute: math.Inf(1)},
	} {
		require.ErrorContains(t, c.Validate(), field)
	}
}

func ExampleTolerance() {
	policy := guard.New(guard.Config{}.WithDefaults())
	v := policy.Judge(guard.Evidence{N: 500, Candidate: 0.62, Stable: 0.50})
	fmt.Println(v.Action)
	fmt.Println(v.Reason)
	// Output:
	// hold
	// loss 0.6200 over 500 examples is above the 0.5100 that stable's 0.5000 allows
}
