package optim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

func TestValidateNamesFieldAndRule(t *testing.T) {
	sgd := optim.Config{SGD: &optim.SGD{}}
	for _, tc := range []struct {
		name string
		list []optim.Config
		want string
	}{
		{"nothing", nil, "optimizer has no optimizer, must list one of sgd, adamw, adagrad"},
		{"only a clip", []optim.Config{{Clip: &optim.Clip{}}}, "must list one of sgd"},
		{"empty entry", []optim.Config{{}}, "optimizer[0] sets 0 kinds, must set exactly one"},
		{"two kinds in an entry", []optim.Config{{SGD: &optim.SGD{}, Clip: &optim.Clip{}}}, "optimizer[0] sets 2 kinds"},
		{"two optimizers", []optim.Config{sgd, {AdamW: &optim.AdamW{}}}, "optimizer[1] is adamw beside sgd, must be the only one"},
		{"two clips", []optim.Config{{Clip: &optim.Clip{}}, {Clip: &optim.Clip{}}, sgd}, "optimizer[1] is a second clip"},
		{"clip after the optimizer", []optim.Config{{AdamW: &optim.AdamW{}}, {Clip: &optim.Clip{}}},
			"optimizer[1] is clip after adamw, must come before it: it bounds the gradient, not the step"},
		{"ewc after clip", []optim.Config{{Clip: &optim.Clip{}}, {EWC: &optim.EWC{}}, sgd},
			"optimizer[1] is ewc after clip, must come before it: it estimates the Fisher information"},
		{"schedule first", []optim.Config{{Schedule: &optim.Schedule{}}, sgd}, "optimizer[1] is sgd after schedule"},
		{"rate", []optim.Config{{SGD: &optim.SGD{LearningRate: -1}}}, "sgd.learning_rate is -1, must be above 0 and finite"},
		{"rate NaN", []optim.Config{{Adagrad: &optim.Adagrad{LearningRate: math.NaN()}}}, "adagrad.learning_rate is NaN"},
		{"momentum", []optim.Config{{SGD: &optim.SGD{Momentum: 1}}}, "sgd.momentum is 1, must be in [0, 1)"},
		{"nesterov", []optim.Config{{SGD: &optim.SGD{Nesterov: true}}}, "sgd.nesterov is true, must be false without a momentum"},
		{"beta", []optim.Config{{AdamW: &optim.AdamW{Beta2: 1.5}}}, "adamw.beta2 is 1.5, must be in [0, 1)"},
		{"decay", []optim.Config{{EWC: &optim.EWC{Decay: 2}}, sgd}, "ewc.decay is 2, must be in (0, 1]"},
		{"two takers of the plain gradient", []optim.Config{{SI: &optim.SI{}}, {EWC: &optim.EWC{}}, sgd}, "optimizer[1] is ewc with fisher streaming after si"},
		{"two walks", []optim.Config{{SI: &optim.SI{}}, {RWalk: &optim.RWalk{}}, sgd}, "optimizer[1] is rwalk after si, must not stand beside it"},
		{"mix", []optim.Config{{RWalk: &optim.RWalk{Mix: 1}}, sgd}, "rwalk.mix is 1, must be in (0, 1)"},
		{"fisher", []optim.Config{{EWC: &optim.EWC{Fisher: "dark"}}, sgd}, `ewc.fisher is "dark", must be one of streaming, empirical, true, exact`},
		{"variant", []optim.Config{{EWC: &optim.EWC{Variant: "both"}}, sgd}, `ewc.variant is "both", must be online or separate`},
		{"decay of none", []optim.Config{{EWC: &optim.EWC{Variant: optim.Separate, Decay: 1}}, sgd}, "ewc.decay is 1, must be absent"},
		{"every without a stream", []optim.Config{{EWC: &optim.EWC{Fisher: optim.FisherTrue, Every: 5}}, sgd}, "ewc.every is 5, must be absent"},
		{"damping", []optim.Config{{SI: &optim.SI{Damping: -1}}, sgd}, "si.damping is -1, must be above 0"},
		{"mas decay", []optim.Config{{MAS: &optim.MAS{Decay: 1.5}}, sgd}, "mas.decay is 1.5, must be in (0, 1]"},
		{"l2", []optim.Config{{L2: &optim.L2{Strength: math.Inf(1)}}, sgd}, "l2.strength is +Inf"},
		{"schedule kind", []optim.Config{sgd, {Schedule: &optim.Schedule{Kind: "cyclic"}}}, `schedule.kind is "cyclic"`},
		{"cosine without steps", []optim.Config{sgd, {Schedule: &optim.Schedule{Kind: optim.Cosine}}}, "schedule.steps is 0"},
		{"step without every", []optim.Config{sgd, {Schedule: &optim.Schedule{Kind: optim.Step}}}, "schedule.every is 0"},
		{"no pattern", []optim.Config{sgd, {Schedule: &optim.Schedule{Groups: []optim.Group{{Factor: 1}}}}}, `schedule.groups[0].tensors is "", must be a pattern`},
		{"a broken pattern", []optim.Config{sgd, {Schedule: &optim.Schedule{Groups: []optim.Group{{Tensors: "[", Factor: 1}}}}}, `schedule.groups[0].tensors is "[", must be a pattern`},
		{"a faster group", []optim.Config{sgd, {Schedule: &optim.Schedule{Groups: []optim.Group{{Tensors: "*"}, {Tensors: "*", Factor: 2}}}}}, "schedule.groups[1].factor is 2, must be in [0, 1]"},
		{"final", []optim.Config{sgd, {Schedule: &optim.Schedule{Kind: optim.Linear, Steps: 1, Final: 2}}}, "schedule.final is 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := optim.Validate(tc.list)
			require.ErrorIs(t, err, optim.ErrConfig)
			require.ErrorContains(t, err, tc.want)
			_, err = optim.New(tc.list, params(1))
			require.ErrorIs(t, err, optim.ErrConfig)
		})
	}
}

func TestConfigSurvivesJSON(t *testing.T) {
	list := []optim.Config{{Clip: &optim.Clip{Norm: 2}}, {AdamW: &optim.AdamW{Beta1: 0.8}}, {Schedule: &optim.Schedule{Kind: optim.Cosine, Steps: 9}}}
	text, err := json.Marshal(list)
	require.NoError(t, err)
	var back []optim.Config
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, list, back)
	require.NoError(t, optim.Validate(back))
}

func params(values ...float32) models.Params {
	p := models.NewParam("w", len(values))
	copy(p.Data, values)
	return models.Params{p}
}

func TestScheduleFactors(t *testing.T) {
	for _, tc := range []struct {
		schedule optim.Schedule
		want     map[uint64]float64
	}{
		{optim.Schedule{}, map[uint64]float64{0: 1, 1e9: 1}},
		{optim.Schedule{Warmup: 4}, map[uint64]float64{0: 0.25, 3: 1, 4: 1}},
		{optim.Schedule{Kind: optim.Linear, Warmup: 2, Steps: 10, Final: 0.2}, map[uint64]float64{1: 1, 2: 1, 7: 0.6, 12: 0.2, 99: 0.2}},
		{optim.Schedule{Kind: optim.Cosine, Steps: 100, Final: 0.1}, map[uint64]float64{0: 1, 50: 0.55, 100: 0.1, 500: 0.1}},
		{optim.Schedule{Kind: optim.InverseSqrt, Warmup: 4}, map[uint64]float64{3: 1, 15: 0.5, 399: 0.1}},
		{optim.Schedule{Kind: optim.Step, Every: 10, Factor: 0.1}, map[uint64]float64{9: 1, 10: 0.1, 25: 0.01}},
	} {
		require.NoError(t, tc.schedule.Validate())
		for at, want := range tc.want {
			require.InDelta(t, want, tc.schedule.At(at), 1e-12, "%+v at %d", tc.schedule, at)
		}
	}
}

// A counting Transform from outside the package; it fails when told to.
type counting struct {
	n    uint64
	fail error
}

func (c *counting) Update(models.Params, models.Params) error {
	if c.fail != nil {
		return c.fail
	}
	c.n++
	return nil
}
func (c *counting) State() optim.State {
	return optim.State{Counters: []optim.Counter{{Name: "n", Value: c.n}}}
}
func (c *counting) Restore(s optim.State) error {
	if len(s.Counters) != 1 {
		return optim.ErrState
	}
	c.n = s.Counters[0].Value
	return nil
}

func TestChainMovesAllStatesOrNone(t *testing.T) {
	p := params(1, 2)
	sgd, err := optim.SGD{Momentum: 0.9}.Build(p)
	require.NoError(t, err)
	before, after := &counting{}, &counting{}
	chain := optim.Chain(p, before, sgd, after)
	require.NoError(t, chain.Update(params(1, 1), p))
	want := chain.State()
	require.EqualValues(t, 1, before.n)

	after.fail = errors.New("out of order")
	require.ErrorIs(t, chain.Update(params(1, 1), p), after.fail)
	require.Equal(t, want, chain.State(), "a Transform before the failing one moved")

	after.fail = nil
	huge := params(math.MaxFloat32, 1)
	require.ErrorIs(t, chain.Update(huge, params(-math.MaxFloat32, 0)), optim.ErrNonFinite, "the parameters would overflow")
	require.Equal(t, want, chain.State())

	require.NoError(t, chain.Update(params(2, 2), p))
	require.NotEqual(t, want, chain.State())
	require.NoError(t, chain.Restore(want))
	require.Equal(t, want, chain.State())
	require.EqualValues(t, 1, before.n)
}

func TestConsolidateAnchorsWhatWasLearned(t *testing.T) {
	p := params(1, 5)
	chain, err := optim.New([]optim.Config{{EWC: &optim.EWC{Strength: 2, Decay: 0.5}}, {SGD: &optim.SGD{LearningRate: 1}}}, p)
	require.NoError(t, err)
	require.NoError(t, chain.Update(params(3, 0), p)) // squares: 9, 0
	require.NoError(t, chain.Consolidate(p, nil))     // F = 9, 0; anchor = 1, 5

	step := params(0, 0)
	require.NoError(t, chain.Update(step, params(1.5, 6)))
	require.Equal(t, []float32{2 * 9 * 0.5, 0}, step[0].Data)

	require.NoError(t, chain.Consolidate(params(2, 2), nil)) // F = 4.5, 0
	again := chain.State()
	require.NoError(t, chain.Consolidate(params(7, 7), nil))
	require.Equal(t, again, chain.State(), "without a gradient in between there is nothing to consolidate")
	step = params(0, 0)
	require.NoError(t, chain.Update(step, params(3, 9)))
	require.Equal(t, []float32{2 * 4.5, 0}, step[0].Data)

	require.ErrorIs(t, chain.Consolidate(params(float32(math.NaN()), 0), nil), optim.ErrNonFinite)
}

func Example() {
	theta := models.Params{{Name: "w", Shape: []int{2}, Data: []float32{3, -2}}}
	chain, err := optim.New([]optim.Config{
		{Clip: &optim.Clip{Norm: 1}},
		{SGD: &optim.SGD{LearningRate: 0.5, Momentum: 0.5}},
	}, theta)
	if err != nil {
		fmt.Println(err)
		return
	}
	grad := theta.Zeros()
	for range 60 { // minimise ‖θ‖²/2, whose gradient is θ
		copy(grad[0].Data, theta[0].Data)
		if err := chain.Update(grad, theta); err != nil {
			fmt.Println(err)
			return
		}
		optim.Apply(theta, grad)
	}
	fmt.Printf("%.4f\n", theta[0].Data)
	grad[0].Data[0] = float32(math.NaN())
	fmt.Println(chain.Update(grad, theta))
	// Output:
	// [0.0000 -0.0000]
	// models: not finite: gradient of w
}

func BenchmarkUpdate(b *testing.B) {
	p := models.Params{models.NewParam("w", 64, 64), models.NewParam("b", 64)}
	for _, c := range []optim.Config{{SGD: &optim.SGD{Momentum: 0.9}}, {AdamW: &optim.AdamW{}}, {Adagrad: &optim.Adagrad{}}} {
		chain, err := optim.New([]optim.Config{{Clip: &optim.Clip{}}, c}, p)
		require.NoError(b, err)
		name := "sgd"
		if c.AdamW != nil {
			name = "adamw"
		} else if c.Adagrad != nil {
			name = "adagrad"
		}
		b.Run(name, func(b *testing.B) {
			g := p.Zeros()
			b.ReportAllocs()
			for b.Loop() {
				for _, t := range g {
					for i := range t.Data {
						t.Data[i] = 0.01
					}
				}
				if err := chain.Update(g, p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(p.Count()), "ns/parameter")
		})
	}
}
