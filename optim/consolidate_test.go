package optim_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// hearsay is Evidence that was made up: what value i is worth in the phase.
type hearsay struct {
	phase int
	kinds []string
	none  bool
	err   error
}

func (h *hearsay) worth(i int) float64 { return float64((i*7+h.phase*3)%5) / 2 }

func (h *hearsay) write(dst models.Params) (int, error) {
	i := 0
	for _, t := range dst {
		for j := range t.Data {
			t.Data[j] = float32(h.worth(i))
			i++
		}
	}
	if h.none {
		return 0, nil
	}
	return 10, h.err
}

func (h *hearsay) Fisher(dst models.Params, kind string) (int, error) {
	h.kinds = append(h.kinds, kind)
	return h.write(dst)
}

func (h *hearsay) Sensitivity(dst models.Params) (int, error) { return h.write(dst) }

// A guard is a penalty by the text of its paper, in float64.
type guard interface {
	penalty(i int, theta float64) float64
	step(i int, g, from, to float64)
	consolidate(i int, theta, worth float64)
}

// anchors keeps one anchor and importance for each phase.
type anchors struct {
	factor, decay float64
	latest        bool // only the latest anchor counts, older importances fade
	f, at         [][]float64
}

func newAnchors(n int, factor, decay float64, latest bool) *anchors {
	return &anchors{factor: factor, decay: decay, latest: latest, f: make([][]float64, n), at: make([][]float64, n)}
}

func (a *anchors) penalty(i int, theta float64) float64 {
	sum, weight := 0.0, 1.0
	for k := len(a.f[i]) - 1; k >= 0; k-- {
		at := a.at[i][k]
		if a.latest {
			at = a.at[i][len(a.at[i])-1]
		}
		sum += a.factor * weight * a.f[i][k] * (theta - at)
		weight *= a.decay
	}
	return sum
}

func (a *anchors) step(int, float64, float64, float64) {}

func (a *anchors) consolidate(i int, theta, worth float64) {
	a.f[i], a.at[i] = append(a.f[i], worth), append(a.at[i], theta)
}

// pathIntegral is Zenke et al. 2017, with importances that are not negative.
type pathIntegral struct {
	*anchors
	path, origin []float64
	damping      float64
}

func (s *pathIntegral) step(i int, g, from, to float64) { s.path[i] -= g * (to - from) }

func (s *pathIntegral) consolidate(i int, theta, _ float64) {
	d := theta - s.origin[i]
	s.anchors.consolidate(i, theta, math.Max(s.path[i], 0)/(d*d+s.damping))
	s.path[i], s.origin[i] = 0, theta
}

func values(p models.Params) (out []float64) {
	for _, t := range p {
		for _, v := range t.Data {
			out = append(out, float64(v))
		}
	}
	return out
}

func TestGuardsFollowTheirPapersThroughConsolidations(t *testing.T) {
	const n = 15
	for name, tc := range map[string]struct {
		config optim.Config
		guard  func(start []float64) guard
	}{
		"ewc online": {optim.Config{EWC: &optim.EWC{Strength: 0.4, Fisher: optim.FisherTrue, Decay: 0.5}},
			func([]float64) guard { return newAnchors(n, 0.4, 0.5, true) }},
		"ewc separate": {optim.Config{EWC: &optim.EWC{Strength: 0.4, Fisher: optim.FisherEmpirical, Variant: optim.Separate}},
			func([]float64) guard { return newAnchors(n, 0.4, 1, false) }},
		"mas": {optim.Config{MAS: &optim.MAS{Strength: 0.3, Decay: 0.8}},
			func([]float64) guard { return newAnchors(n, 0.6, 0.8, true) }},
		"l2": {optim.Config{L2: &optim.L2{Strength: 0.3}},
			func([]float64) guard { return &flatAnchors{newAnchors(n, 0.3, 0, true)} }},
		"rwalk": {optim.Config{RWalk: &optim.RWalk{Strength: 0.2, Mix: 0.3, Epsilon: 0.01}}, func([]float64) guard { return newWalk(n) }},
		"si": {optim.Config{SI: &optim.SI{Strength: 0.2, Damping: 0.05}}, func(start []float64) guard {
			return &pathIntegral{newAnchors(n, 0.4, 1, true), make([]float64, n), start, 0.05}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			p := models.Params{models.NewParam("w", 4, 3), models.NewParam("b", 3)}
			noise(p, r, 1)
			list := []optim.Config{tc.config, {SGD: &optim.SGD{LearningRate: 0.1, Momentum: 0.5}}}
			pipeline, err := optim.New(list, p)
			require.NoError(t, err)
			alone, err := optim.New(list[1:], p)
			require.NoError(t, err)
			ref, ev := tc.guard(values(p)), &hearsay{}
			require.True(t, optim.Guards(list))
			for step := range 90 {
				if step%20 == 19 {
					ev.phase++
					require.NoError(t, pipeline.Consolidate(p, ev))
					for i, theta := range values(p) {
						ref.consolidate(i, theta, ev.worth(i))
					}
					// A twin goes on from the state alone.
					twin, err := optim.New(list, p.Zeros())
					require.NoError(t, err)
					require.NoError(t, twin.Restore(pipeline.State()))
					pipeline = twin
				}
				g := p.Zeros()
				noise(g, r, 0.3)
				want := g.Clone()
				plain, from := values(g), values(p)
				i := 0
				for _, w := range want {
					for j := range w.Data {
						w.Data[j] += float32(ref.penalty(i, from[i]))
						i++
					}
				}
				require.NoError(t, alone.Update(want, p))
				require.NoError(t, pipeline.Step(g, p))
				to := values(p)
				for i, v := range values(want) {
					require.InDelta(t, from[i]-v, to[i], 2e-5*(1+math.Abs(from[i])), "step %d, value %d", step, i)
					ref.step(i, plain[i], from[i], to[i])
				}
			}
			if e := tc.config.EWC; e != nil {
				require.Equal(t, []string{e.Fisher, e.Fisher, e.Fisher, e.Fisher}, ev.kinds)
			}
		})
	}
}

// walk is Chaudhry et al. 2018, with stretches of one step.
type walk struct {
	fisher, scores, path, anchor, importance []float64
	last                                     []float64 // Fisher information of the step in progress
	strength, mix, epsilon                   float64
	pending                                  int
}

func newWalk(n int) *walk {
	z := func() []float64 { return make([]float64, n) }
	return &walk{z(), z(), z(), z(), z(), z(), 0.2, 0.3, 0.01, 0}
}

func (w *walk) penalty(i int, theta float64) float64 {
	return 2 * w.strength * w.importance[i] * (theta - w.anchor[i])
}

func (w *walk) step(i int, g, from, to float64) {
	w.fisher[i] = w.mix*g*g + (1-w.mix)*w.fisher[i]
	d := to - from
	w.path[i] += math.Max(-g*d, 0) / (w.fisher[i]*d*d/2 + w.epsilon)
}

func (w *walk) consolidate(i int, theta, _ float64) {
	w.scores[i] = (w.scores[i] + w.path[i]) / 2
	w.path[i], w.anchor[i] = 0, theta
	if w.pending++; w.pending < len(w.fisher) {
		return
	}
	w.pending = 0
	f, s := slices.Max(w.fisher), slices.Max(w.scores)
	for j := range w.importance {
		w.importance[j] = w.fisher[j]/f + w.scores[j]/s
	}
}

// flatAnchors are anchors of equal importance.
type flatAnchors struct{ *anchors }

func (a *flatAnchors) consolidate(i int, theta, _ float64) { a.anchors.consolidate(i, theta, 1) }

func TestConsolidationThatFailsLeavesEveryGuardAsItWas(t *testing.T) {
	list := []optim.Config{
		{SI: &optim.SI{}}, {EWC: &optim.EWC{Fisher: optim.FisherExact}}, {MAS: &optim.MAS{}}, {L2: &optim.L2{}}, {SGD: &optim.SGD{}},
	}
	require.True(t, optim.Asks(list))
	p := params(1, 2)
	pipeline, err := optim.New(list, p)
	require.NoError(t, err)
	require.NoError(t, pipeline.Step(params(1, 1), p))
	before := pipeline.State()
	cause := errors.New("no model")
	require.ErrorIs(t, pipeline.Consolidate(p, &hearsay{err: cause}), cause)
	require.Equal(t, before, pipeline.State())
	require.ErrorContains(t, pipeline.Consolidate(p, nil), "there is no evidence")
	require.Equal(t, before, pipeline.State())
	require.NoError(t, pipeline.Consolidate(p, &hearsay{}))
	require.NotEqual(t, before, pipeline.State())
}

func TestWithoutExamplesEvidenceMovesNothing(t *testing.T) {
	for _, c := range []optim.Config{{EWC: &optim.EWC{Fisher: optim.FisherTrue}}, {MAS: &optim.MAS{}}} {
		p := params(1, 2)
		pipeline, err := optim.New([]optim.Config{c, {SGD: &optim.SGD{}}}, p)
		require.NoError(t, err)
		require.NoError(t, pipeline.Step(params(1, 1), p))
		before := pipeline.State()
		require.NoError(t, pipeline.Consolidate(p, &hearsay{none: true}))
		require.Equal(t, before, pipeline.State())
	}
}

func TestResetForgetsTheOptimizerAndKeepsTheGuards(t *testing.T) {
	list := []optim.Config{
		{L2: &optim.L2{Strength: 0.5}}, {AdamW: &optim.AdamW{LearningRate: 0.1}}, {Schedule: &optim.Schedule{Kind: optim.Step, Every: 2}},
	}
	p := params(1, 2)
	pipeline, err := optim.New(list, p)
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, pipeline.Step(params(1, -1), p))
	}
	require.NoError(t, pipeline.Consolidate(p, nil))
	pipeline.Freeze()
	pipeline.Reset(p)
	require.True(t, pipeline.Freeze().Tensors.Params().Equal(pipeline.State().Tensors))

	fresh, err := optim.New(list, p)
	require.NoError(t, err)
	require.NoError(t, fresh.Consolidate(p, nil))
	require.Equal(t, fresh.State(), pipeline.State())
}

func TestAResetOptimizerGoesOnAsOneBuiltForTheParameters(t *testing.T) {
	for name, list := range map[string][]optim.Config{
		"adagrad": {{Adagrad: &optim.Adagrad{Initial: 0.3}}},
		"ftrl":    {{FTRL: &optim.FTRL{L1: 0.1, L2: 0.2}}},
		"adamw":   {{AdamW: &optim.AdamW{}}},
	} {
		p := params(1, -2, 0)
		chain, err := optim.New(list, p)
		require.NoError(t, err)
		for range 5 {
			require.NoError(t, chain.Step(params(1, -1, 0.5), p))
		}
		chain.Reset(p)
		q := p.Clone()
		fresh, err := optim.New(list, q)
		require.NoError(t, err)
		require.Equal(t, fresh.State(), chain.State(), name)
		require.NoError(t, chain.Step(params(0.1, 0, 0), p))
		require.NoError(t, fresh.Step(params(0.1, 0, 0), q))
		require.True(t, q.Equal(p), name)
	}
}
