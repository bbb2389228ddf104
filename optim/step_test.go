package optim_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// stepped lists chains that Step fuses, and some that it takes apart.
func stepped() map[string][]optim.Config {
	return map[string][]optim.Config{
		"sgd":      {{SGD: &optim.SGD{LearningRate: 0.1}}},
		"momentum": {{SGD: &optim.SGD{Momentum: 0.9}}},
		"nesterov": {{Clip: &optim.Clip{Norm: 2}}, {SGD: &optim.SGD{Momentum: 0.8, Nesterov: true}}},
		"adamw":    {{Clip: &optim.Clip{}}, {AdamW: &optim.AdamW{WeightDecay: 0.1}}, {Schedule: &optim.Schedule{Kind: optim.Linear, Warmup: 5, Steps: 40}}},
		"adagrad":  {{Adagrad: &optim.Adagrad{Initial: 0.1}}, {Schedule: &optim.Schedule{Kind: optim.InverseSqrt, Warmup: 3}}},
		"penalties": {{EWC: &optim.EWC{Strength: 0.02, Every: 5}}, {L2SP: &optim.L2SP{Strength: 0.1}}, {Clip: &optim.Clip{Norm: 1.5}},
			{AdamW: &optim.AdamW{LearningRate: 0.02}}},
		"ftrl":     {{Clip: &optim.Clip{Norm: 3}}, {FTRL: &optim.FTRL{L1: 0.3, L2: 0.1}}},
		"guards":   {{SI: &optim.SI{}}, {MAS: &optim.MAS{}}, {L2: &optim.L2{}}, {SGD: &optim.SGD{Momentum: 0.5}}},
		"groups":   {{AdamW: &optim.AdamW{WeightDecay: 0.1}}, {Schedule: &optim.Schedule{Warmup: 9, Groups: []optim.Group{{Tensors: "*w*", Factor: 0.3}}}}},
		"not tame": {{SGD: &optim.SGD{LearningRate: 1.5}}},
	}
}

func TestStepGivesTheBitsOfUpdateAndApply(t *testing.T) {
	for name, list := range stepped() {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			p := models.Params{models.NewParam("w", 37, 11), models.NewParam("b", 11)}
			noise(p, r, 1)
			q := p.Clone()
			fused, err := optim.New(list, p)
			require.NoError(t, err)
			apart, err := optim.New(list, q)
			require.NoError(t, err)
			for step := range 80 {
				g := p.Zeros()
				noise(g, r, math.Exp(2*r.NormFloat64()))
				if step == 40 {
					g[0].Data[3] = 1e12 // too large for one pass, not for a step
				}
				if step == 41 { // back, so that what follows is fused again
					require.NoError(t, fused.Restore(apart.State()))
				}
				h := g.Clone()
				require.NoError(t, fused.Step(g, p))
				require.NoError(t, apart.Update(h, q))
				optim.Apply(q, h)
				require.True(t, q.Equal(p), "parameters after step %d", step)
				want, got := apart.State(), fused.State()
				require.True(t, want.Tensors.Equal(got.Tensors), "state after step %d", step)
				require.Equal(t, want.Counters, got.Counters)
				for _, p := range []*optim.Pipeline{fused, apart} {
					frozen := p.Freeze()
					require.True(t, frozen.Tensors.Params().Equal(want.Tensors), "frozen state after step %d", step)
					require.Equal(t, want.Counters, frozen.Counters)
				}
			}
		})
	}
}

// The same on tables, of which steps list rows.
func TestStepGivesTheBitsOfUpdateAndApplyOnTables(t *testing.T) {
	for name, list := range stepped() {
		switch name { // ewc and its like take no tables
		case "penalties":
			list = list[1:]
		case "guards":
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			p := models.Params{models.NewParam("wide", 90, 1), models.NewParam("deep", 90, 19), models.NewParam("b", 11)}
			p[0].Sparse, p[1].Sparse = true, true
			noise(p, r, 1)
			q := p.Clone()
			fused, err := optim.New(list, p)
			require.NoError(t, err)
			apart, err := optim.New(list, q)
			require.NoError(t, err)
			for step := range 80 {
				g := rowsOf(p, r, 1+r.IntN(80), math.Exp(2*r.NormFloat64()))
				if step == 40 {
					g[0].Data[0] = 1e12 // too large for one pass, not for a step
				}
				if step == 41 {
					require.NoError(t, fused.Restore(apart.State()))
				}
				h := g.Clone()
				require.NoError(t, fused.Step(g, p))
				require.NoError(t, apart.Update(h, q))
				optim.Apply(q, h)
				require.True(t, q.Equal(p), "parameters after step %d", step)
				require.True(t, apart.State().Tensors.Equal(fused.State().Tensors), "state after step %d", step)
			}
			before, state := p.Clone(), fused.State()
			g := rowsOf(p, r, 70, 1)
			g[1].Data[69*19+18] = float32(math.Inf(1))
			require.ErrorIs(t, fused.Step(g, p), optim.ErrNonFinite)
			require.True(t, before.Equal(p))
			require.True(t, state.Tensors.Equal(fused.State().Tensors))
			g = rowsOf(p, r, 70, 1)
			require.Zero(t, testing.AllocsPerRun(20, func() {
				if err := fused.Step(g, p); err != nil {
					t.Error(err)
				}
			}))
		})
	}
}

// rowsOf returns noise for n rows of the tables.
func rowsOf(p models.Params, r *rand.Rand, n int, scale float64) models.Params {
	g := p.ZeroGrads()
	for i := range g {
		if g[i].Sparse {
			for _, row := range r.Perm(g[i].Shape[0])[:n] {
				g[i].Rows = append(g[i].Rows, int32(row))
			}
			g[i].Data = make([]float32, n*g[i].Width())
		}
	}
	noise(g, r, scale)
	return g
}

func noise(p models.Params, r *rand.Rand, scale float64) {
	for _, t := range p {
		for j := range t.Data {
			t.Data[j] = float32(scale * r.NormFloat64())
		}
	}
}

func TestARefusedStepChangesNothing(t *testing.T) {
	for name, list := range stepped() {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			p := models.Params{models.NewParam("w", 40), models.NewParam("b", 3)}
			noise(p, r, 1)
			chain, err := optim.New(list, p)
			require.NoError(t, err)
			g := p.Zeros()
			noise(g, r, 1)
			require.NoError(t, chain.Step(g, p))
			before, state := p.Clone(), chain.State()
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				for _, at := range []int{0, 39} {
					noise(g, r, 1)
					g[0].Data[at] = float32(bad)
					require.ErrorIs(t, chain.Step(g, p), optim.ErrNonFinite)
					require.True(t, before.Equal(p))
					require.True(t, state.Tensors.Equal(chain.State().Tensors))
					require.Equal(t, state.Counters, chain.State().Counters)
				}
			}
			noise(g, r, math.MaxFloat32/8)
			if err := chain.Step(g, p); err != nil {
				require.ErrorIs(t, err, optim.ErrNonFinite)
				require.True(t, before.Equal(p))
				require.True(t, state.Tensors.Equal(chain.State().Tensors))
			}
			require.True(t, p.Finite())
			require.ErrorIs(t, chain.Step(g[:1], p), models.ErrParams)
			require.ErrorIs(t, chain.Step(g, p[:1]), models.ErrParams)
		})
	}
}

func TestALargeParameterStaysFinite(t *testing.T) {
	for name, list := range stepped() {
		p := params(math.MaxFloat32, -math.MaxFloat32)
		chain, err := optim.New(list, params(0, 0))
		require.NoError(t, err)
		for range 20 {
			if err := chain.Step(params(-1e8, 1e8), p); err != nil {
				require.ErrorIs(t, err, optim.ErrNonFinite, name)
			}
			require.True(t, p.Finite(), name)
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	for name, list := range stepped() {
		p := params(make([]float32, 100)...)
		chain, err := optim.New(list, p)
		require.NoError(t, err)
		g := p.Zeros()
		require.Zero(t, testing.AllocsPerRun(50, func() {
			g[0].Data[7] = 0.5
			if err := chain.Step(g, p); err != nil {
				t.Error(err)
			}
		}), name)
	}
}

func BenchmarkStep(b *testing.B) {
	p := models.Params{models.NewParam("w", 784, 256), models.NewParam("b", 256)}
	for name, list := range stepped() {
		for _, way := range []string{"step", "update and apply"} {
			b.Run(fmt.Sprintf("%s/%s", name, way), func(b *testing.B) {
				chain, err := optim.New(list, p)
				require.NoError(b, err)
				g := p.Zeros()
				noise(g, rand.New(rand.NewPCG(1, 2)), 1e-3)
				b.ReportAllocs()
				for b.Loop() {
					if way == "step" {
						err = chain.Step(g, p)
					} else if err = chain.Update(g, p); err == nil {
						optim.Apply(p, g)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(p.Count()), "ns/parameter")
			})
		}
	}
}
