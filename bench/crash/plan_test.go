package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/ledger"
)

func TestPlanCoversEveryFailpointAndEveryWayToDie(t *testing.T) {
	p := newPlanner(5, false)
	require.Len(t, p.points, len(ledger.Failpoints())+len(checkpoint.Failpoints))
	seen, damages := map[kind]int{}, 0
	for range coverAll {
		c := p.next()
		seen[c.kind]++
		if c.damage {
			damages++
		}
		_, err := failpoint.Parse(c.points)
		require.NoError(t, err, c.points)
		if c.kind == atFailpoint {
			p.reached[c.point]++
		}
	}
	require.Empty(t, p.never())
	require.Contains(t, p.kernels, "portable", "at least what every machine has")
	families := map[string]bool{}
	for range p.kernels {
		families[p.next().kernels] = true
	}
	require.Len(t, families, len(p.kernels), "each family has its turn")
	for _, k := range kinds() {
		require.NotZero(t, seen[k], k)
	}
	require.NotZero(t, damages)
}

func TestTheSameSeedPlansTheSameCycles(t *testing.T) {
	a, b := newPlanner(9, false), newPlanner(9, false)
	for range 50 {
		require.Equal(t, a.next(), b.next())
	}
}

func TestFailpointsOnlyGoesThroughThemInTurn(t *testing.T) {
	p := newPlanner(1, true)
	for range p.points {
		c := p.next()
		require.Equal(t, atFailpoint, c.kind)
		require.False(t, c.damage)
		require.Zero(t, p.reached[c.point])
		p.reached[c.point]++
	}
	require.Empty(t, p.never())
}

func TestAMissedFailpointIsBrokenAtItsFirstHit(t *testing.T) {
	p := newPlanner(1, true)
	require.Greater(t, p.upTo("checkpoint.blob.sync:before"), 1)
	p.missed["checkpoint.blob.sync:before"]++
	require.Equal(t, 1, p.upTo("checkpoint.blob.sync:before"))
}

func TestUncoveredFailpointFailsALongRunAlone(t *testing.T) {
	for cycles, violations := range map[int]int{coverAll - 1: 0, coverAll: 1} {
		set, err := newSetting(t.TempDir(), 1)
		require.NoError(t, err)
		r := newReport(options{cycles: cycles})
		book := newHarnessBook(set)
		r.gather(book, newPlanner(1, false), newSightings(set, nil, 1))
		require.Len(t, r.violations, violations)
	}
}

func TestQuantile(t *testing.T) {
	list := []time.Duration{5, 1, 4, 2, 3}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		require.Equal(t, want, quantile(list, q), q)
	}
	require.Zero(t, quantile(nil, 0.5))
}

func TestWrongCallsAreRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"no cycles":        {"-cycles", "0"},
		"unknown sabotage": {"-sabotage", "arson"},
		"an argument":      {"now"},
		"an unknown flag":  {"-fast"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 2, run(t.Context(), args, t.Output(), t.Output()))
		})
	}
}
