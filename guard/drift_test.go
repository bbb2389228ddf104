package guard

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// streams draw values in [0, 1] of a constant mean: errors, losses with heavy ends, and all
// but constants.
func streams() map[string]func(r *rand.Rand, mean float64) float64 {
	return map[string]func(*rand.Rand, float64) float64{
		"errors": func(r *rand.Rand, mean float64) float64 {
			if r.Float64() < mean {
				return 1
			}
			return 0
		},
		"losses": func(r *rand.Rand, mean float64) float64 { return math.Pow(r.Float64(), 1/mean-1) },
		"calm":   func(r *rand.Rand, mean float64) float64 { return mean * (0.9 + 0.2*r.Float64()) },
	}
}

// Three million values at each rate: the alarms that stable streams raise are counted and
// held to the rate that was asked for, with room for chance of three standard deviations.
func TestStableStreamsRaiseNoMoreAlarmsThanStated(t *testing.T) {
	for _, rate := range []float64{10, 1000} {
		alarms, values := 0, 0
		for name, draw := range streams() {
			for _, mean := range []float64{0.02, 0.2, 0.5, 0.8} {
				r := rand.New(rand.NewPCG(uint64(len(name)), uint64(mean*100)))
				d := NewDrift(DriftConfig{FalseAlarms: rate})
				for range 250_000 {
					values++
					if d.Observe(draw(r, mean)) {
						alarms++
					}
				}
			}
		}
		allowed := rate * float64(values) / 1e6
		t.Logf("%v per million allowed: %d alarms on %d values", rate, alarms, values)
		require.LessOrEqual(t, float64(alarms), allowed+3*math.Sqrt(allowed))
	}
}

func TestRisenMeansAreFoundSoon(t *testing.T) {
	for _, tc := range []struct {
		before, after float64
		within        int
	}{{0.05, 0.5, 80}, {0.2, 0.6, 120}, {0.2, 0.4, 500}, {0.02, 0.2, 300}} {
		for seed := range uint64(20) {
			draw := streams()["errors"]
			r := rand.New(rand.NewPCG(seed, 5))
			d := NewDrift(DriftConfig{FalseAlarms: 10, Baseline: 1000})
			for range 4000 {
				require.False(t, d.Observe(draw(r, tc.before)))
			}
			delay := 1
			for !d.Observe(draw(r, tc.after)) {
				delay++
			}
			require.LessOrEqual(t, delay, tc.within, "%v to %v, seed %d", tc.before, tc.after, seed)
		}
	}
}

func TestFallingMeanRaisesNoAlarm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	d := NewDrift(DriftConfig{FalseAlarms: 1000})
	for i := range 100_000 {
		require.False(t, d.Observe(r.Float64()*math.Exp(-float64(i)/30_000)))
	}
}

// The textbook CUSUM (k 0.5, h 5) that this replaces alarms on most stable streams of 1,000
// standard normal values.
func TestTextbookCusumCriesWolf(t *testing.T) {
	alarms := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		up, down := 0.0, 0.0
		for range 1000 {
			x := r.NormFloat64()
			up, down = math.Max(0, up+x-0.5), math.Max(0, down-x-0.5)
			if up > 5 || down > 5 {
				alarms++
				break
			}
		}
	}
	require.Greater(t, alarms, 200)
}

func TestDriftGoesOnFromItsState(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	a, b := NewDrift(DriftConfig{FalseAlarms: 100, Baseline: 60}), NewDrift(DriftConfig{FalseAlarms: 100, Baseline: 60})
	alarms := 0
	for i := range 20_000 {
		x := r.Float64() * (0.2 + 0.8*float64(i/500%2))
		alarm := a.Observe(x)
		require.Equal(t, alarm, b.Observe(x))
		if alarm {
			alarms++
		}
		next := NewDrift(DriftConfig{FalseAlarms: 100, Baseline: 60})
		require.NoError(t, next.Restore(b.State()))
		b = next
	}
	require.Greater(t, alarms, 10)
}

func TestDriftRefusesStatesAndSettingsWithoutSense(t *testing.T) {
	d := NewDrift(DriftConfig{FalseAlarms: 10})
	for _, s := range []DriftState{
		{N: -1}, {N: 500}, {N: 3, Sum: 4}, {Sum: math.NaN()}, {Bound: math.Inf(1)}, {Sums: [bets]float64{math.NaN()}},
	} {
		require.Error(t, d.Restore(s), fmt.Sprint(s))
	}
	for want, c := range map[string]DriftConfig{
		"drift.false_alarms":             {FalseAlarms: -1},
		"drift.baseline: must be in [50": {FalseAlarms: 1, Baseline: 2},
		"drift.baseline: must be absent": {Baseline: 100},
	} {
		require.ErrorContains(t, c.Validate(), want)
	}
	require.NoError(t, DriftConfig{}.Validate())
	require.InDelta(t, math.Log(12345.678), ln(12345.678), 1e-12)
}
