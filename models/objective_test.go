package models

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// objectives are each kind of term, for a spec that can have them all.
func objectives() map[string]Objective {
	return map[string]Objective{
		"sum":                {Sum: true},
		"masked":             {Masked: true},
		"masked and smooth":  {Masked: true, Smoothing: 0.1, Sum: true},
		"squared logits":     {Distill: DistillSquared, Sum: true},
		"distilled":          {Distill: DistillKL},
		"masked, distilled":  {Masked: true, Distill: DistillKL, Temperature: 3, Sum: true},
		"masked and squared": {Masked: true, Distill: DistillSquared},
	}
}

func objectiveSpec() Spec {
	return Spec{Kind: "mlp", Task: Multiclass, Classes: 5, Dense: 4, Hidden: []int{6}, Activation: "tanh"}
}

// objectiveBatch has rows of no weight in one term, in the other and in both.
func objectiveBatch(o Objective, s Spec, rows int, seed uint64) *Batch {
	r := rand.New(rand.NewPCG(seed, 3))
	k := s.Outputs()
	b := &Batch{Rows: rows, Targets: make([]float32, rows*k), Weights: make([]float32, rows)}
	for range rows * s.Dense {
		b.Dense = append(b.Dense, float32(r.NormFloat64()))
	}
	for i := range rows {
		hit := r.IntN(k)
		b.Targets[i*k+hit] = 1
		b.Weights[i] = float32(r.Float64())
		if o.Masked {
			for j := range k {
				b.Mask = append(b.Mask, float32(r.IntN(2)))
				if j == hit {
					b.Mask[len(b.Mask)-1] = 1
				}
			}
		}
		if o.Distill != DistillNone {
			for range k {
				b.Distill = append(b.Distill, float32(r.NormFloat64()))
				b.Groups = append(b.Groups, float32(r.IntN(3)))
			}
			b.DistillWeights = append(b.DistillWeights, float32(r.Float64()))
		}
	}
	b.Weights[0], b.Weights[1] = 0, 0
	if o.Distill != DistillNone {
		b.DistillWeights[0], b.DistillWeights[2] = 0, 0
	}
	return b
}

func objectiveModel(t *testing.T, s Spec, o Objective, capacity int) *Model {
	t.Helper()
	m, err := New(s, capacity)
	require.NoError(t, err)
	m.Init(rand.New(rand.NewPCG(3, 5)))
	require.NoError(t, m.SetObjective(o))
	return m
}

func TestObjectivesHaveTheGradientsOfTheirLoss(t *testing.T) {
	for name, o := range objectives() {
		t.Run(name, func(t *testing.T) {
			m := objectiveModel(t, objectiveSpec(), o, 8)
			b := objectiveBatch(o, objectiveSpec(), 7, 1)
			at := func() float64 {
				loss, err := m.Gradients(b)
				require.NoError(t, err)
				return loss
			}
			at()
			grads := m.Grads().Clone()
			for i, p := range m.Params() {
				for j := range p.Data {
					old, h := p.Data[j], float32(1.0/256)
					up, down := old+h, old-h
					p.Data[j] = up
					high := at()
					p.Data[j] = down
					low := at()
					p.Data[j] = old
					require.InDelta(t, (high-low)/(float64(up)-float64(down)), float64(grads[i].Data[j]), 2e-3, "%s[%d]", p.Name, j)
				}
			}
		})
	}
}

func TestObjectivesEqualTheTapeMachine(t *testing.T) {
	for name, o := range objectives() {
		plan, oracle := objectiveModel(t, objectiveSpec(), o, 7), objectiveModel(t, objectiveSpec(), o, 7)
		runBy(oracle, tape)
		for seed := range uint64(4) {
			b := objectiveBatch(o, objectiveSpec(), 7-int(seed), seed)
			got, err := plan.Gradients(b)
			require.NoError(t, err)
			want, err := oracle.Gradients(b)
			require.NoError(t, err)
			require.InEpsilon(t, want, got, 1e-5, name)
			for i, g := range plan.Grads() {
				require.InDeltaSlice(t, oracle.Grads()[i].Data, g.Data, 2e-6, name)
			}
			require.InDeltaSlice(t, oracle.Trained(), plan.Trained(), 2e-6, name)
		}
	}
}

func TestObjectivesIgnoreCapacityAndRowsWithoutWeight(t *testing.T) {
	for name, o := range objectives() {
		s := objectiveSpec()
		exact, wide := objectiveModel(t, s, o, 6), objectiveModel(t, s, o, 16)
		b := objectiveBatch(o, s, 6, 2)
		_, err := wide.Gradients(objectiveBatch(o, s, 16, 9)) // leaves its rows in the graph's memory
		require.NoError(t, err)
		want, err := exact.Gradients(b)
		require.NoError(t, err)
		got, err := wide.Gradients(b)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
		require.True(t, exact.Grads().Equal(wide.Grads()), name)

		grads := exact.Grads().Clone()
		for i := range s.Dense {
			b.Dense[i] += 3 // row 0 has no weight in any term
		}
		got, err = exact.Gradients(b)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
		require.True(t, grads.Equal(exact.Grads()), name)
	}
}

func TestTrainedAreThePredictorsLogits(t *testing.T) {
	o, s := Objective{Distill: DistillSquared, Sum: true}, objectiveSpec()
	m := objectiveModel(t, s, o, 8)
	require.Nil(t, m.Trained())
	b := objectiveBatch(o, s, 5, 4)
	_, err := m.Gradients(b)
	require.NoError(t, err)
	logits := make([]float32, 5*s.Outputs())
	require.NoError(t, m.Logits(logits, b))
	require.Equal(t, logits, m.Trained())
}

func TestWithoutMaskAndTeacherAnObjectiveIsThePlainLoss(t *testing.T) {
	for _, s := range []Spec{objectiveSpec(), {Kind: "linear", Task: Binary, Dense: 4}, {Kind: "linear", Task: Regression, Dense: 4}} {
		o := Objective{Masked: s.Task == Multiclass, Distill: DistillSquared}
		m, plain := objectiveModel(t, s, o, 8), objectiveModel(t, s, Objective{}, 8)
		b := objectiveBatch(Objective{}, s, 8, 6)
		want, err := plain.Gradients(b)
		require.NoError(t, err)
		got, err := m.Gradients(b)
		require.NoError(t, err)
		require.InEpsilon(t, want, got, 1e-6, s.Task)
		for i, g := range m.Grads() {
			require.InDeltaSlice(t, plain.Grads()[i].Data, g.Data, 1e-6, s.Task)
		}
	}
}

func TestSmoothingIsASofterTarget(t *testing.T) {
	s := objectiveSpec()
	smooth, plain := objectiveModel(t, s, Objective{Smoothing: 0.2}, 8), objectiveModel(t, s, Objective{}, 8)
	b := objectiveBatch(Objective{}, s, 8, 6)
	got, err := smooth.Gradients(b)
	require.NoError(t, err)
	for i, v := range b.Targets {
		b.Targets[i] = 0.8*v + 0.04
	}
	want, err := plain.Gradients(b)
	require.NoError(t, err)
	require.InEpsilon(t, want, got, 1e-6)
	require.InDeltaSlice(t, plain.Grads()[0].Data, smooth.Grads()[0].Data, 1e-6)
}

func TestObjectivesAreRefusedWhereTheyHaveNoSense(t *testing.T) {
	binary := Spec{Kind: "linear", Task: Binary, Dense: 2}
	m := objectiveModel(t, binary, Objective{}, 4)
	for want, o := range map[string]Objective{
		"objective.masked: must be false for task binary":   {Masked: true},
		"objective.distill: must be one of squared, kl":     {Distill: "cube"},
		"objective.distill: must be squared for task":       {Distill: DistillKL},
		"objective.smoothing: must be in [0, 1), got NaN":   {Smoothing: math.NaN()},
		"objective.smoothing: must be in [0, 1), got 1":     {Smoothing: 1},
		"objective.smoothing: must be in [0, 1), got -0.25": {Smoothing: -0.25},
	} {
		require.ErrorContains(t, m.SetObjective(o), want)
	}
	require.ErrorContains(t, Objective{Distill: DistillKL, Temperature: -1}.Validate(objectiveSpec()), "objective.temperature")
	require.ErrorContains(t, Objective{Smoothing: 0.1}.Validate(Spec{Kind: "linear", Task: Regression, Dense: 1}), "objective.smoothing")
}

func TestObjectivesRefuseBatchesThatBreakARule(t *testing.T) {
	o, s := Objective{Masked: true, Distill: DistillKL}, objectiveSpec()
	m := objectiveModel(t, s, o, 8)
	for want, spoil := range map[string]func(*Batch){
		"Mask has 3 values":              func(b *Batch) { b.Mask = b.Mask[:3] },
		"Mask[":                          func(b *Batch) { clear(b.Mask) },
		"DistillWeights must be set":     func(b *Batch) { b.DistillWeights = nil },
		"DistillWeights[3]":              func(b *Batch) { b.DistillWeights[3] = -1 },
		"Groups[2] is 0.5":               func(b *Batch) { b.Groups[2] = 0.5 },
		"Groups has 1 values":            func(b *Batch) { b.Groups = b.Groups[:1] },
		"models: not finite: Distill":    func(b *Batch) { b.Distill[0] = float32(math.NaN()) },
		"Distill has 2 values, must be ": func(b *Batch) { b.Distill = b.Distill[:2] },
	} {
		b := objectiveBatch(o, s, 6, 1)
		spoil(b)
		_, err := m.Gradients(b)
		require.ErrorContains(t, err, want)
	}
	plain := objectiveModel(t, s, Objective{}, 8)
	_, err := plain.Gradients(objectiveBatch(Objective{Masked: true}, s, 6, 1))
	require.ErrorIs(t, err, ErrBatch)
	_, err = plain.Gradients(objectiveBatch(Objective{Distill: DistillSquared}, s, 6, 1))
	require.ErrorIs(t, err, ErrBatch)
	_, err = m.Gradients(objectiveBatch(o, s, 6, 1))
	require.NoError(t, err, "a refused batch must not spoil the next")
}

func TestObjectivesAllocateNothing(t *testing.T) {
	for name, o := range objectives() {
		m := objectiveModel(t, objectiveSpec(), o, 8)
		b := objectiveBatch(o, objectiveSpec(), 7, 1)
		_, err := m.Gradients(b)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(20, func() { _, _ = m.Gradients(b) }), name)
	}
}

func TestMaskedPredictionsAreASoftmaxOverTheirClasses(t *testing.T) {
	s := objectiveSpec()
	m := objectiveModel(t, s, Objective{}, 4)
	b := objectiveBatch(Objective{}, s, 4, 3)
	all, masked, logits := make([]float32, 20), make([]float32, 20), make([]float32, 20)
	require.NoError(t, m.Predict(all, b))
	require.NoError(t, m.Logits(logits, b))
	b.Mask = []float32{1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1}
	require.NoError(t, m.Predict(masked, b))
	require.Equal(t, all[:5], masked[:5], "all classes are no mask")
	for i := range 4 {
		sum := 0.0
		for c := range 5 {
			if b.Mask[5*i+c] != 0 {
				sum += math.Exp(float64(logits[5*i+c]))
			}
		}
		for c := range 5 {
			want := 0.0
			if b.Mask[5*i+c] != 0 {
				want = math.Exp(float64(logits[5*i+c])) / sum
			}
			require.InDelta(t, want, float64(masked[5*i+c]), 1e-6)
		}
	}
	clear(b.Mask[10:15])
	require.ErrorContains(t, m.Predict(masked, b), "Mask of row 2 leaves no class")
	b.Mask = b.Mask[:7]
	require.ErrorIs(t, m.Predict(masked, b), ErrBatch)
}
