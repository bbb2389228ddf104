package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// brief is enough to see that a row works.
var brief = settings{slice: 2 * time.Millisecond, rounds: 3, instances: 1}

// small makes tables and lists of examples small; neither is what these tests are about.
func small(w spec) spec {
	w.Rows, w.Ring = min(w.Rows, 1<<10), min(w.Ring, 256)
	return w
}

func TestOurSideOfEveryRowRuns(t *testing.T) {
	for _, w := range workloads() {
		t.Run(w.name, func(t *testing.T) {
			step, err := w.ours(small(w.spec))
			require.NoError(t, err)
			require.NoError(t, step())
			require.NoError(t, step())
			n, err := allocations(step)
			require.NoError(t, err)
			if !w.allocates {
				require.Zero(t, n)
			}
			require.Positive(t, w.perStep)
			require.NotEmpty(t, w.unit)
			require.Positive(t, w.cost.FLOP+w.cost.Bytes+w.cost.Lines)
		})
	}
}

func TestARowIsNamedAsTheTableNamesIt(t *testing.T) {
	for only, status := range map[string]int{"2 threads$": 0, "MLP.*one row": 0, "3 threads": 2, "nothing": 2, "(": 2} {
		var out, errw bytes.Buffer
		require.Equal(t, status, run(t.Context(), []string{"-list", "-only", only}, &out, &errw), only)
		if status == 0 {
			require.Regexp(t, only, strings.Split(strings.TrimSpace(out.String()), "\n")[0])
		} else {
			require.Contains(t, errw.String(), "-only: ")
		}
	}
}

// A worker has what every row asks of it; where there is no PyTorch the test says so.
func TestTheWorkerBuildsEveryRow(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	python, err := findPython(t.Context(), os.Getenv("PYTHON"))
	if err != nil {
		t.Skip(err)
	}
	worker, err := startTorch(t.Context(), python, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, worker.close()) }()
	for _, w := range workloads() {
		if w.rival != nil || w.alone || w.threads > 1 {
			continue
		}
		variants, err := worker.variants(w.spec)
		require.NoError(t, err)
		for _, v := range variants {
			in, err := worker.build(small(w.spec), v, 1)
			require.NoError(t, err, "%s, %s", w.name, v)
			s, err := in.run(time.Millisecond)
			require.NoError(t, err)
			require.Positive(t, s.Steps)
			require.Positive(t, s.Wall)
			require.NoError(t, in.drop())
		}
	}
	_, err = worker.build(spec{Kind: "poem"}, "loop", 1)
	require.ErrorContains(t, err, "poem")
}

func TestWithoutPyTorchTheRestIsMeasuredAndTheReportSaysSo(t *testing.T) {
	_, err := findPython(t.Context(), "/nonexistent/python")
	require.ErrorIs(t, err, errNoTorch)
	p, err := newPeers(t.Context(), options{settings: brief, python: "/nonexistent/python"})
	require.ErrorIs(t, err, errNoTorch)
	alone, err := p.measure(t.Context(), mlpTraining(tiny, "sgd", 1, 1, 80), limits{})
	require.NoError(t, err)
	require.Positive(t, alone.Ours.Median)
	_, ok := alone.met()
	require.False(t, ok, "an aim is not judged without its rival")
	r := &report{Skipped: errNoTorch.Error(), Rows: []*row{alone}}
	var out bytes.Buffer
	require.NoError(t, r.write(&out))
	require.Contains(t, out.String(), "PyTorch: skipped: no Python with PyTorch was found")
}

// slow is a side that takes a known time for each step.
type slow struct {
	rate float64
	err  error
}

func (s slow) run(d time.Duration) (sample, error) {
	return sample{Steps: int(s.rate * d.Seconds()), Wall: d.Seconds(), CPU: d.Seconds()}, s.err
}

func TestTheFastestRivalIsTheOneThatCounts(t *testing.T) {
	dropped := 0
	drop := func() error { dropped++; return nil }
	rivals := []contender{{slow{rate: 1e5}, "a", drop}, {slow{rate: 3e5}, "b", drop}, {slow{rate: 2e5}, "c", drop}}
	w := workload{ours: func(spec) (func() error, error) { return func() error { return nil }, nil }, perStep: 1, aim: 1}
	r, err := contest(w, rivals, limits{}, brief)
	require.NoError(t, err)
	require.Equal(t, "b", r.RivalName)
	require.InDelta(t, 3e5, r.Rival.Median, 1e3)
	require.Equal(t, 3, dropped)

	rivals[1].side = slow{rate: 3e5, err: errors.New("out of luck")}
	_, err = contest(w, rivals, limits{}, brief)
	require.ErrorContains(t, err, "run b: out of luck")
}

func TestRatiosAreOfNeighbouringSlices(t *testing.T) {
	r := &row{RivalName: "rival", Aim: 2}
	var pairs []pair
	for _, speed := range []float64{1, 10, 100} { // the machine's, which both sides share
		pairs = append(pairs, pair{
			ours:  sample{Steps: int(300 * speed), Wall: 1, CPU: 0.5},
			rival: sample{Steps: int(100 * speed), Wall: 1, CPU: 1},
		})
	}
	r.fill(workload{perStep: 1}, pairs)
	require.InDelta(t, 3, r.Ratio.Low, 1e-9)
	require.InDelta(t, 3, r.Ratio.High, 1e-9)
	require.InDelta(t, 6, r.CPURatio, 1e-9)
	require.InDelta(t, 30000, r.OursBest, 0)
	require.InDelta(t, 10000, r.RivalBest, 0)
	met, ok := r.met()
	require.True(t, met && ok)
	r.Aim = 3.5
	met, _ = r.met()
	require.False(t, met)
}

func TestMissesAreListed(t *testing.T) {
	r := &report{Rows: []*row{
		{Name: "fast", RivalName: "x", Aim: 2, Ratio: stat{Median: 2.5}},
		{Name: "slow", RivalName: "x", Aim: 2, Ratio: stat{Median: 1.5}},
		{Name: "short of its rate", RateAim: 1000, Unit: "rows", Ours: stat{Median: 900}},
		{Name: "leaky", Allocs: 3},
	}}
	require.Equal(t, []string{
		"slow: 1.50×, aim 2.00×", "short of its rate: 900 rows/s, aim 1,000 rows/s", "leaky: 3 allocations a step, aim 0",
	}, r.missed())
	var out bytes.Buffer
	require.NoError(t, r.write(&out))
	require.Contains(t, out.String(), "MISSED")
}

func TestPercentiles(t *testing.T) {
	require.Equal(t, stat{}, statOf(nil))
	require.Equal(t, stat{7, 7, 7}, statOf([]float64{7}))
	s := statOf([]float64{5, 1, 4, 2, 3})
	require.InDelta(t, 3, s.Median, 1e-12)
	require.InDelta(t, 1.4, s.Low, 1e-12)
	require.InDelta(t, 4.6, s.High, 1e-12)
}

func TestLimitsAreThoseOfTheScarcestMeans(t *testing.T) {
	l := limits{
		Streams: []stream{{16 * kib, 100e9}, {mib, 50e9}}, Lines: []stream{{mib, 1e8}},
	}
	require.Equal(t, limit{1000, "FMA"}, l.of(cost{FLOP: 1e8, Bytes: 4, Footprint: kib}, 1e11, 1))
	require.Equal(t, limit{2000, "FMA"}, l.of(cost{FLOP: 1e8, Bytes: 4, Footprint: kib}, 1e11, 2))
	require.Equal(t, limit{50, "bytes"}, l.of(cost{FLOP: 1, Bytes: 1e9, Footprint: 2 * mib}, 1e11, 1))
	require.Equal(t, limit{100, "bytes"}, l.of(cost{Bytes: 1e9, Footprint: kib}, 1e11, 1))
	require.Equal(t, limit{1e6, "random lines"}, l.of(cost{FLOP: 1, Lines: 100, LineFootprint: 2 * mib}, 1e11, 1))
	require.Equal(t, limit{}, l.of(cost{}, 1e11, 1))
}

func TestCostOfAnMLPIsThatOfItsProducts(t *testing.T) {
	c := mlpCost([]int{3, 4, 2}, 5, "sgd")
	require.InDelta(t, 5*(2*(3*4+4*2)+2*(3*4+4*2)+2*4*2), c.FLOP, 0)
	params := float64(3*4 + 4 + 4*2 + 2)
	require.InDelta(t, 12*params+4*5*3, c.Bytes, 0)
	require.InDelta(t, 4*params, c.Footprint, 0)
	require.InDelta(t, 12*params, mlpCost([]int{3, 4, 2}, 5, "adam").Footprint, 0)
	require.InDelta(t, 5*2*(3*4+4*2), mlpCost([]int{3, 4, 2}, 5, "").FLOP, 0)
}

func TestGrowthIsDrawnAndWrittenDown(t *testing.T) {
	s := &sweep{Name: "width", title: "a step", axis: "width", sizes: []int{4, 8}, at: func(n int) workload {
		return mlpTraining([]int{4, n, 2}, "sgd", 2, 1, 0)
	}}
	p, err := newPeers(context.Background(), options{settings: brief, python: "/nonexistent/python"})
	require.ErrorIs(t, err, errNoTorch)
	require.NoError(t, s.measure(t.Context(), p, limits{}))
	require.Len(t, s.Points, 2)
	require.Positive(t, s.Points[1].Ours.Fastest)
	require.LessOrEqual(t, s.Points[1].Ours.Fastest, s.Points[1].Ours.Median)
	var svg, out bytes.Buffer
	require.NoError(t, s.draw(&svg))
	require.Contains(t, svg.String(), "<svg")
	r := &report{Growth: []*sweep{s}}
	require.NoError(t, r.write(&out))
	require.Contains(t, out.String(), "| width | ours, µs")
	out.Reset()
	require.NoError(t, r.writeJSON(&out))
	require.True(t, json.Valid(out.Bytes()))
}

func TestWrongCallsAreRefusedByName(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-only", "("}, "-only: must be a regular expression"},
		{[]string{"-slice", "1us"}, "-slice: must be at least 1ms"},
		{[]string{"-rounds", "1"}, "-rounds: must be at least 3"},
		{[]string{"-instances", "0"}, "-instances: must be at least 1"},
		{[]string{"now"}, `unexpected argument "now"`},
	} {
		var out, errw bytes.Buffer
		require.Equal(t, 2, run(t.Context(), tc.args, &out, &errw))
		require.Contains(t, errw.String(), tc.want)
	}
	var out, errw bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-list"}, &out, &errw))
	require.Contains(t, out.String(), "MLP 784-256-256-10, sgd, batch 1\n")
}

func TestFiguresAreReadable(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1.234: "1.23", 99.4: "99.4", 100: "100", 1234567: "1,234,567", 12345: "12,345"} {
		require.Equal(t, want, short(v))
	}
	require.Equal(t, "1.25×", ratio(1.25))
	require.Equal(t, "12.5×", ratio(12.5))
	require.Equal(t, "125×", ratio(125))
	require.Zero(t, inverse(0), "no rate is no duration, and not an infinite one")
}
