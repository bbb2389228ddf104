package scenario_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/scenario"
)

func load(t testing.TB, name string) data.Split {
	t.Helper()
	e, err := data.Find(name)
	require.NoError(t, err)
	s, err := e.Load("../data/testdata")
	require.NoError(t, err)
	return s
}

func build(t testing.TB, cfg scenario.Config, set string, seed uint64) *scenario.Scenario {
	t.Helper()
	s, err := scenario.New(cfg, load(t, set), seed)
	require.NoError(t, err)
	return s
}

// classes returns how often each target comes.
func classes(e *scenario.Examples) map[int]int {
	out := map[int]int{}
	for i := range e.Len() {
		out[int(e.Target(i))]++
	}
	return out
}

func row(e *scenario.Examples, i int) []float32 { return e.Row(i).Dense }

func TestSplitTellsClassesByTheScenario(t *testing.T) {
	for _, tc := range []struct {
		kind    scenario.Incremental
		outputs int
		second  map[int]int
		among   []int
	}{
		{scenario.ClassIncremental, 10, map[int]int{2: 30, 3: 30}, nil},
		{scenario.TaskIncremental, 10, map[int]int{2: 30, 3: 30}, []int{2, 3}},
		{scenario.DomainIncremental, 2, map[int]int{0: 30, 1: 30}, nil},
	} {
		s := build(t, scenario.Config{Kind: scenario.Split, Tasks: 5, Incremental: tc.kind}, "mnist", 1)
		require.Len(t, s.Tasks, 5)
		require.Equal(t, tc.outputs, s.Classes)
		require.Equal(t, tc.second, classes(s.Tasks[1].Train), tc.kind)
		require.Equal(t, 20, s.Tasks[1].Test.Len())
		require.Equal(t, tc.among, s.Tasks[1].Classes)
		require.Len(t, s.Joint(), 5)
	}
}

func TestClassesComeInTheOrderAskedFor(t *testing.T) {
	cfg := scenario.Config{Kind: scenario.Split, Tasks: 5, Order: []int{1, 4, 5, 7, 9, 3, 0, 8, 2, 6}}
	s := build(t, cfg, "mnist", 1)
	require.Equal(t, map[int]int{9: 30, 3: 30}, classes(s.Tasks[2].Train))
	require.Equal(t, "9-3", s.Tasks[2].Name)
	cfg.Incremental = scenario.DomainIncremental
	require.Equal(t, map[int]int{0: 30, 1: 30}, classes(build(t, cfg, "mnist", 1).Tasks[2].Train))
	cfg.Order[0] = 4
	_, err := scenario.New(cfg, load(t, "mnist"), 1)
	require.ErrorContains(t, err, "scenario.order")
}

func TestPaddingAndStandardisationKeepThePixels(t *testing.T) {
	plain := build(t, scenario.Config{Kind: scenario.Split, Tasks: 1}, "mnist", 1)
	padded := build(t, scenario.Config{Kind: scenario.Split, Tasks: 1, Pad: 2, Mean: 0.1, Scale: 0.5}, "mnist", 1)
	require.Equal(t, 32*32, padded.Inputs)
	x, y := row(plain.Tasks[0].Train, 7), row(padded.Tasks[0].Train, 7)
	require.InDelta(t, -0.2, y[0], 1e-6, "the margin is black")
	for i := range 28 {
		for j := range 28 {
			require.InDelta(t, (x[i*28+j]-0.1)/0.5, y[(i+2)*32+j+2], 1e-6)
		}
	}
}

func TestPermutationsAreOnesOwnOfEachTaskAndSeed(t *testing.T) {
	cfg := scenario.Config{Kind: scenario.Permuted, Tasks: 3}
	a, again, other := build(t, cfg, "mnist", 1), build(t, cfg, "mnist", 1), build(t, cfg, "mnist", 2)
	require.Equal(t, 10, a.Classes)
	x, y := row(a.Tasks[0].Train, 3), row(a.Tasks[1].Train, 3)
	require.Equal(t, x, row(again.Tasks[0].Train, 3))
	require.NotEqual(t, x, y)
	require.NotEqual(t, x, row(other.Tasks[0].Train, 3))
	require.ElementsMatch(t, x, y, "a permutation loses no pixel")
	require.Equal(t, a.Tasks[0].Train.Target(3), a.Tasks[1].Train.Target(3))
}

func TestRotationTurnsTheImage(t *testing.T) {
	plain := build(t, scenario.Config{Kind: scenario.Split, Tasks: 1}, "mnist", 1)
	turned := build(t, scenario.Config{Kind: scenario.Rotated, Tasks: 2, Angle: 1e-9}, "mnist", 1)
	require.Equal(t, row(plain.Tasks[0].Train, 0), row(turned.Tasks[1].Train, 0), "by nothing")
	turned = build(t, scenario.Config{Kind: scenario.Rotated, Tasks: 2}, "mnist", 1)
	sum := func(x []float32) (s float64) {
		for _, v := range x {
			s += float64(v)
		}
		return s
	}
	x := row(plain.Tasks[0].Train, 0)
	for _, task := range turned.Tasks {
		require.NotEqual(t, x, row(task.Train, 0))
		require.InEpsilon(t, sum(x), sum(row(task.Train, 0)), 0.1, "the ink stays")
	}
}

func TestBlurDealsRowsOutAndLosesNone(t *testing.T) {
	s := build(t, scenario.Config{Kind: scenario.Blurry, Tasks: 5, Blur: 0.5}, "mnist", 1)
	total, own := map[int]int{}, 0
	for i, task := range s.Tasks {
		for c, n := range classes(task.Train) {
			total[c] += n
			if c/2 == i {
				own += n
			}
		}
		require.Len(t, classes(task.Test), 2, "what is scored is not blurred")
	}
	for c := range 10 {
		require.Equal(t, 30, total[c])
	}
	require.InDelta(t, 0.6*300, own, 30, "half stays, and a fifth of the rest comes back")
}

func TestValidationLeavesTheTestRowsAlone(t *testing.T) {
	split := load(t, "mnist")
	split.Test = nil // may not even be looked at
	s, err := scenario.New(scenario.Config{Kind: scenario.Split, Tasks: 5, Validation: 0.2}, split, 1)
	require.NoError(t, err)
	train, test := 0, 0
	for _, task := range s.Tasks {
		train += task.Train.Len()
		test += task.Test.Len()
	}
	require.Equal(t, 300, train+test)
	require.InDelta(t, 60, test, 25)
	_, err = scenario.New(scenario.Config{Kind: scenario.Split, Tasks: 5}, split, 1)
	require.ErrorContains(t, err, "scenario.validation")
}

func TestTablesAreStandardisedByTheirFirstRowsAlone(t *testing.T) {
	all := load(t, "elec2")
	cfg := scenario.Config{Kind: scenario.Stream, Standardise: 100}
	whole, err := scenario.New(cfg, all, 1)
	require.NoError(t, err)
	part, err := scenario.New(cfg, data.Split{Train: all.Train.Head(200)}, 1)
	require.NoError(t, err)
	for i := range 200 {
		require.Equal(t, row(part.Tasks[0].Train, i), row(whole.Tasks[0].Train, i), "later rows changed earlier ones")
	}
	mean := 0.0
	for i := range 100 {
		mean += float64(row(whole.Tasks[0].Train, i)[4]) / 100
	}
	require.InDelta(t, 0, mean, 1e-5)
	require.Equal(t, 150, build(t, scenario.Config{Kind: scenario.Stream, Rows: 150}, "elec2", 1).Tasks[0].Train.Len())
}

func TestRunningStandardisationKnowsNoLaterRow(t *testing.T) {
	all := load(t, "elec2")
	cfg := scenario.Config{Kind: scenario.Stream, Running: true}
	whole, err := scenario.New(cfg, all, 1)
	require.NoError(t, err)
	part, err := scenario.New(cfg, data.Split{Train: all.Train.Head(200)}, 1)
	require.NoError(t, err)
	for i := range 200 {
		require.Equal(t, row(part.Tasks[0].Train, i), row(whole.Tasks[0].Train, i))
	}
	require.Zero(t, row(whole.Tasks[0].Train, 0)[4], "the first row is its own mean")
	mean, squares, n := 0.0, 0.0, 200
	for i := range n {
		mean += float64(all.Train.Dense[i*8+4]) / float64(n)
	}
	for i := range n {
		d := float64(all.Train.Dense[i*8+4]) - mean
		squares += d * d / float64(n)
	}
	require.InDelta(t, (float64(all.Train.Dense[(n-1)*8+4])-mean)/math.Sqrt(squares), row(whole.Tasks[0].Train, n-1)[4], 1e-4)
}

func TestConfigNamesFieldAndRule(t *testing.T) {
	for want, cfg := range map[string]scenario.Config{
		"scenario.kind":        {Kind: "swirl"},
		"scenario.tasks":       {Kind: scenario.Split},
		"scenario.incremental": {Kind: scenario.Permuted, Tasks: 2, Incremental: scenario.ClassIncremental},
		"scenario.blur":        {Kind: scenario.Split, Tasks: 2, Blur: 0.5},
		"scenario.angle":       {Kind: scenario.Rotated, Tasks: 2, Angle: 400},
		"scenario.pad":         {Kind: scenario.Split, Tasks: 2, Pad: -1},
		"scenario.delay":       {Kind: scenario.Split, Tasks: 2, Delay: 1},
		"scenario.validation":  {Kind: scenario.Split, Tasks: 2, Validation: 1},
		"must divide":          {Kind: scenario.Split, Tasks: 3},
	} {
		_, err := scenario.New(cfg, load(t, "mnist"), 1)
		require.ErrorContains(t, err, want)
	}
	_, err := scenario.New(scenario.Config{Kind: scenario.Permuted, Tasks: 2}, load(t, "phishing"), 1)
	require.ErrorContains(t, err, "scenario")
}
