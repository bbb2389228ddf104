package optim_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/optim/optimtest"
)

// The references below follow the equations of the papers, value by value, in float64.

func each(f func(i int, g, theta float64) float64) optimtest.Reference {
	return func(grad, params []float64) []float64 {
		out := make([]float64, len(grad))
		for i, g := range grad {
			out[i] = f(i, g, params[i])
		}
		return out
	}
}

func sgdReference(rate, mu float64, nesterov bool) func([]float64) optimtest.Reference {
	return func(start []float64) optimtest.Reference {
		u := make([]float64, len(start))
		return each(func(i int, g, _ float64) float64 {
			u[i] = mu*u[i] + g
			if nesterov {
				return rate * (g + mu*u[i])
			}
			return rate * u[i]
		})
	}
}

func adamWReference(rate, decay float64) func([]float64) optimtest.Reference {
	return func(start []float64) optimtest.Reference {
		m, v, t := make([]float64, len(start)), make([]float64, len(start)), make([]float64, len(start))
		return each(func(i int, g, theta float64) float64 {
			t[i]++
			m[i] = 0.9*m[i] + 0.1*g
			v[i] = 0.999*v[i] + 0.001*g*g
			mHat, vHat := m[i]/(1-math.Pow(0.9, t[i])), v[i]/(1-math.Pow(0.999, t[i]))
			return rate * (mHat/(math.Sqrt(vHat)+1e-8) + decay*theta)
		})
	}
}

func ftrlReference(alpha, beta, l1, l2 float64) func([]float64) optimtest.Reference {
	return func(start []float64) optimtest.Reference {
		n, z := make([]float64, len(start)), make([]float64, len(start))
		for i, w := range start {
			if w != 0 {
				z[i] = -w*(beta/alpha+l2) - math.Copysign(l1, w)
			}
		}
		return each(func(i int, g, w float64) float64 {
			sigma := (math.Sqrt(n[i]+g*g) - math.Sqrt(n[i])) / alpha
			z[i] += g - sigma*w
			n[i] += g * g
			if math.Abs(z[i]) <= l1 {
				return w
			}
			return w + (z[i]-math.Copysign(l1, z[i]))/((beta+math.Sqrt(n[i]))/alpha+l2)
		})
	}
}

func clipReference(bound float64) func([]float64) optimtest.Reference {
	return func([]float64) optimtest.Reference {
		return func(grad, _ []float64) []float64 {
			sum := 0.0
			for _, g := range grad {
				sum += g * g
			}
			out := make([]float64, len(grad))
			for i, g := range grad {
				out[i] = g * math.Min(1, bound/math.Sqrt(sum))
			}
			return out
		}
	}
}

func ewcReference(strength, decay float64, every int) func([]float64) optimtest.Reference {
	return func(start []float64) optimtest.Reference {
		n := len(start)
		fisher, anchor, squares := make([]float64, n), make([]float64, n), make([]float64, n)
		steps := 0
		return func(grad, params []float64) []float64 {
			out := make([]float64, n)
			steps++
			for i, g := range grad {
				out[i] = g + strength*fisher[i]*(params[i]-anchor[i])
				squares[i] += g * g
				if steps == every {
					fisher[i] = decay*fisher[i] + squares[i]/float64(every)
					anchor[i], squares[i] = params[i], 0
				}
			}
			if steps == every {
				steps = 0
			}
			return out
		}
	}
}

// untouched is what guards do before their first consolidation.
func untouched([]float64) optimtest.Reference {
	return each(func(_ int, g, _ float64) float64 { return g })
}

// then composes references as Chain composes Transforms.
func then(parts ...func([]float64) optimtest.Reference) func([]float64) optimtest.Reference {
	return func(start []float64) optimtest.Reference {
		var refs []optimtest.Reference
		for _, p := range parts {
			refs = append(refs, p(start))
		}
		return func(grad, params []float64) []float64 {
			for _, r := range refs {
				grad = r(grad, params)
			}
			return grad
		}
	}
}

type buildable interface {
	Build(models.Params) (*optim.Pipeline, error)
}

func TestConformance(t *testing.T) {
	for _, tc := range []struct {
		name      string
		config    buildable
		reference func([]float64) optimtest.Reference
	}{
		{"sgd", optim.SGD{LearningRate: 0.1}, sgdReference(0.1, 0, false)},
		{"momentum", optim.SGD{LearningRate: 0.05, Momentum: 0.9}, sgdReference(0.05, 0.9, false)},
		{"nesterov", optim.SGD{LearningRate: 0.05, Momentum: 0.8, Nesterov: true}, sgdReference(0.05, 0.8, true)},
		{"adamw", optim.AdamW{LearningRate: 0.01, WeightDecay: 0.1}, adamWReference(0.01, 0.1)},
		{"adagrad", optim.Adagrad{LearningRate: 0.1, Initial: 0.5}, func(start []float64) optimtest.Reference {
			s := make([]float64, len(start))
			return each(func(i int, g, _ float64) float64 {
				s[i] += g * g
				return 0.1 * g / (math.Sqrt(0.5+s[i]) + 1e-10)
			})
		}},
		{"ftrl", optim.FTRL{Alpha: 0.2, Beta: 0.7, L1: 0.4, L2: 0.05}, ftrlReference(0.2, 0.7, 0.4, 0.05)},
		{"clip", optim.Clip{Norm: 2}, clipReference(2)},
		{"l2sp", optim.L2SP{Strength: 0.3}, func(start []float64) optimtest.Reference {
			return each(func(i int, g, theta float64) float64 { return g + 0.3*(theta-start[i]) })
		}},
		{"ewc", optim.EWC{Strength: 0.01, Decay: 0.7, Every: 7}, ewcReference(0.01, 0.7, 7)},
		{"ewc separate", optim.EWC{Strength: 0.001, Variant: optim.Separate, Every: 7}, func(start []float64) optimtest.Reference {
			sum, squares, steps := newAnchors(len(start), 0.001, 1, false), make([]float64, len(start)), 0
			return func(grad, params []float64) []float64 {
				out := make([]float64, len(grad))
				steps++
				for i, g := range grad {
					out[i] = g + sum.penalty(i, params[i])
					squares[i] += g * g
					if steps%7 == 0 {
						sum.consolidate(i, params[i], squares[i]/7)
						squares[i] = 0
					}
				}
				return out
			}
		}},
		{"si", optim.SI{}, untouched}, {"mas", optim.MAS{}, untouched}, {"l2", optim.L2{}, untouched},
		{"schedule", optim.Schedule{Kind: optim.Linear, Warmup: 4, Steps: 20, Final: 0.1}, func([]float64) optimtest.Reference {
			t := -1.0
			return func(grad, _ []float64) []float64 {
				t++
				factor := (t + 1) / 4
				if t >= 4 {
					factor = 1 - 0.9*math.Min((t-4)/20, 1)
				}
				out := make([]float64, len(grad))
				for i, g := range grad {
					out[i] = factor * g
				}
				return out
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			optimtest.Run(t, func(p models.Params) optim.Transform {
				tr, err := tc.config.Build(p)
				require.NoError(t, err)
				return tr
			}, tc.reference)
		})
	}
}

func TestConformanceOnTables(t *testing.T) {
	for name, config := range map[string]buildable{
		"sgd":      optim.SGD{LearningRate: 0.1},
		"momentum": optim.SGD{LearningRate: 0.05, Momentum: 0.9},
		"nesterov": optim.SGD{LearningRate: 0.05, Momentum: 0.8, Nesterov: true},
		"adamw":    optim.AdamW{LearningRate: 0.01, WeightDecay: 0.1},
		"adagrad":  optim.Adagrad{LearningRate: 0.1, Initial: 0.5},
		"ftrl":     optim.FTRL{Alpha: 0.2, Beta: 0.7, L1: 0.4, L2: 0.05},
		"clip":     optim.Clip{Norm: 2},
		"l2sp":     optim.L2SP{Strength: 0.3},
		"schedule": optim.Schedule{Kind: optim.InverseSqrt, Warmup: 3},
	} {
		t.Run(name, func(t *testing.T) {
			optimtest.RunSparse(t, func(p models.Params) optim.Transform {
				tr, err := config.Build(p)
				require.NoError(t, err)
				return tr
			})
		})
	}
}

func TestAKindThatPassesOverEveryParameterRefusesTables(t *testing.T) {
	p := models.Params{models.NewParam("embedding.weight", 4, 2)}
	p[0].Sparse = true
	_, err := optim.EWC{}.Build(p)
	require.ErrorIs(t, err, optim.ErrConfig)
	require.ErrorContains(t, err, "ewc passes over every parameter, must be absent for a model with a table (embedding.weight)")
}

func TestFTRLKeepsWhatSaysLittleAtExactlyZero(t *testing.T) {
	p := params(0, 0, 0.5)
	chain, err := optim.FTRL{L1: 1}.Build(p)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		g := params(float32(0.01*r.NormFloat64()), float32(-0.3+0.1*r.NormFloat64()), 0)
		require.NoError(t, chain.Step(g, p))
	}
	require.Equal(t, float32(0), p[0].Data[0], "noise within l1")
	require.Greater(t, p[0].Data[1], float32(0.1), "a feature that says something")
	require.Equal(t, float32(0.5), p[0].Data[2], "what learning starts from stays without a gradient")
}

func TestConformanceOfAChain(t *testing.T) {
	list := []optim.Config{
		{EWC: &optim.EWC{Strength: 0.02, Decay: 0.9, Every: 5}},
		{L2SP: &optim.L2SP{Strength: 0.1}},
		{Clip: &optim.Clip{Norm: 1.5}},
		{AdamW: &optim.AdamW{LearningRate: 0.02, WeightDecay: 0.01}},
		{Schedule: &optim.Schedule{Kind: optim.InverseSqrt, Warmup: 3}},
	}
	optimtest.Run(t, func(p models.Params) optim.Transform {
		tr, err := optim.New(list, p)
		require.NoError(t, err)
		return tr
	}, then(
		ewcReference(0.02, 0.9, 5),
		func(start []float64) optimtest.Reference {
			return each(func(i int, g, theta float64) float64 { return g + 0.1*(theta-start[i]) })
		},
		clipReference(1.5),
		adamWReference(0.02, 0.01),
		func([]float64) optimtest.Reference {
			t := 0.0
			return func(grad, _ []float64) []float64 {
				t++
				out := make([]float64, len(grad))
				for i, g := range grad {
					out[i] = g * math.Min(t/3, math.Sqrt(3/t))
				}
				return out
			}
		},
	))
}
