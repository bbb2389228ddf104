package optim_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

func inner(a, b models.Params) float64 {
	sum := 0.0
	x, y := values(a), values(b)
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

func gradients(r *rand.Rand, n int) (list []models.Params) {
	for range n {
		g := models.Params{models.NewParam("w", 6, 4), models.NewParam("b", 4)}
		noise(g, r, 1)
		list = append(list, g)
	}
	return list
}

func TestAverageProjectionRaisesTheReferenceNoMore(t *testing.T) {
	changed, kept := 0, 0
	for seed := range uint64(40) {
		list := gradients(rand.New(rand.NewPCG(seed, 1)), 2)
		g, ref := list[0], list[1]
		before := g.Clone()
		if optim.ProjectAverage(g, ref) {
			changed++
			require.Negative(t, inner(before, ref))
			require.InDelta(t, 0, inner(g, ref), 1e-4)
			// What was taken away lies along ref.
			scale := -inner(before, ref) / inner(ref, ref)
			for i, v := range values(g) {
				require.InDelta(t, values(before)[i]+scale*values(ref)[i], v, 1e-5)
			}
			continue
		}
		kept++
		require.GreaterOrEqual(t, inner(before, ref), 0.0)
		require.True(t, before.Equal(g))
	}
	require.NotZero(t, changed)
	require.NotZero(t, kept)
	zero := params(0, 0)
	require.False(t, optim.ProjectAverage(params(1, 1), zero), "a reference without gradient bounds nothing")
}

// The Karush-Kuhn-Tucker conditions of the primal: nothing rises, and what was added is a
// combination of the past gradients, with weights above 0 only where a bound is met.
func TestEpisodicProjectionIsTheNearestThatRaisesNothing(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		list := gradients(r, 2+r.IntN(6))
		g, past := list[0], list[1:]
		if len(past) > 2 { // one of them says the same as another
			require.NoError(t, past[2].CopyFrom(past[0]))
		}
		before := g.Clone()
		violated := false
		for _, p := range past {
			violated = violated || inner(g, p) < 0
		}
		require.Equal(t, violated, optim.NewGEM(0).Project(g, past))
		if !violated {
			require.True(t, before.Equal(g))
			continue
		}
		for k, p := range past {
			require.Greater(t, inner(g, p), -1e-4, "seed %d: task %d rises", seed, k)
		}
		// g is the projection onto a cone: g - before is orthogonal to g, and no feasible
		// direction found by projecting single tasks away is nearer.
		delta := before.Zeros()
		for i := range delta {
			for j := range delta[i].Data {
				delta[i].Data[j] = g[i].Data[j] - before[i].Data[j]
			}
		}
		require.InDelta(t, 0, inner(delta, g), 1e-3*(1+inner(delta, delta)))
	}
}

func TestEpisodicMarginWeighsEveryPastTask(t *testing.T) {
	g, past := params(-1, 0), []models.Params{params(1, 0), params(0, 1)}
	require.True(t, optim.NewGEM(0.5).Project(g, past))
	// v = (1, 0.5): the first takes what cancels g, the second the margin.
	require.Equal(t, []float32{0, 0.5}, g[0].Data)
	require.False(t, optim.NewGEM(0.5).Project(params(1, 1), past), "where nothing rises, nothing changes")
}
