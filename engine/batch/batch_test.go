package batch_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

func colours() models.Spec {
	return models.Spec{Task: models.Multiclass, Dense: 2, Categories: []int{4}, Classes: 3}
}

func colour(class float32, weight float32) *replay.Example {
	return &replay.Example{ID: "a", Dense: []float32{1, 2}, Categories: []int32{3}, Target: class, Weight: weight}
}

// A label that says what is wrong leaves the other classes to share the target.
func Example() {
	b := batch.New(models.Spec{Task: models.Multiclass, Dense: 1, Classes: 3}, models.Objective{}, 2)
	b.Add(&replay.Example{Dense: []float32{0.25}, Target: 2, Weight: 1})
	b.Add(&replay.Example{Dense: []float32{0.75}, Target: 2, Weight: 1, Negative: true})
	fmt.Println(b.View().Rows, b.View().Dense, b.View().Targets)
	// Output: 2 [0.25 0.75] [0 0 1 0.5 0.5 0]
}

func TestScaledWeightsAddUpToTheFactorOfTheirRows(t *testing.T) {
	b := batch.New(colours(), models.Objective{Distill: models.DistillSquared, Sum: true}, 4)
	for _, weight := range []float32{5, 1, 3, 0} {
		ex := colour(0, weight)
		ex.Logits = []float32{1, 2}
		b.Add(ex)
		b.Teach(ex)
	}
	b.Scale(1, 2, 0.5)
	require.Equal(t, []float32{5, 0.5, 1.5, 0}, b.View().Weights)
	require.Equal(t, []float32{5, 0.125, 0.375, 0}, b.View().DistillWeights)
	require.Equal(t, []float32{1, 2, 0}, b.View().Distill[:3])
	require.Equal(t, []float32{1, 1, 0}, b.View().Groups[:3], "a class without a logit takes no part")
}

func TestAnExampleWithoutLogitsTeachesNothing(t *testing.T) {
	b := batch.New(colours(), models.Objective{Distill: models.DistillSquared, Sum: true}, 1)
	b.Add(colour(0, 2))
	b.Teach(colour(0, 2))
	require.Equal(t, []float32{0}, b.View().DistillWeights)
}

func TestLayingOutAllocatesNothing(t *testing.T) {
	b := batch.New(colours(), models.Objective{Distill: models.DistillSquared, Sum: true}, 8)
	ex := colour(1, 1)
	require.Zero(t, testing.AllocsPerRun(20, func() {
		b.Reset()
		for range 8 {
			b.Add(ex)
			b.Teach(ex)
		}
		b.Scale(0, 1, 1)
	}))
}

func TestASegmentWithoutAHeadHasAllClasses(t *testing.T) {
	m := batch.NewMasks(batch.Heads{{Segment: "warm", Classes: []int{0, 2}}}, colours())
	require.Equal(t, []float32{1, 0, 1}, m.Of("warm"))
	require.Equal(t, []float32{1, 1, 1}, m.Of("cold"))
	require.Nil(t, batch.NewMasks(nil, colours()).Of("warm"), "a model without heads has no masks")
}

func TestAnExampleThatDoesNotFitTheModelIsNamed(t *testing.T) {
	for want, change := range map[string]func(*replay.Example){
		"has 1 dense features, the model 2":       func(ex *replay.Example) { ex.Dense = ex.Dense[:1] },
		"has 0 categorical features, the model 1": func(ex *replay.Example) { ex.Categories = nil },
		"category 4 is outside the 4 buckets":     func(ex *replay.Example) { ex.Categories = []int32{4} },
		"has class 3 of 3":                        func(ex *replay.Example) { ex.Target = 3 },
		"has 4 logits, the model 3 outputs":       func(ex *replay.Example) { ex.Logits = make([]float32, 4) },
		"has a logit that is not finite":          func(ex *replay.Example) { ex.Logits = []float32{float32(math.Inf(1))} },
	} {
		ex := colour(1, 1)
		require.NoError(t, batch.Check(ex, colours()))
		change(ex)
		require.ErrorContains(t, batch.Check(ex, colours()), "example a")
		require.ErrorContains(t, batch.Check(ex, colours()), want)
	}
	require.ErrorContains(t, batch.Check(nil, colours()), "missing")
}

// BenchmarkTeach lays out a row with its logits.
func BenchmarkTeach(b *testing.B) {
	spec := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: 20}
	to := batch.New(spec, models.Objective{Distill: models.DistillSquared}, 128)
	ex := &replay.Example{Dense: make([]float32, 20), Weight: 1, Logits: make([]float32, 10)}
	b.ReportAllocs()
	for i := range b.N {
		if i%128 == 0 {
			to.Reset()
		}
		to.Add(ex)
		to.Teach(ex)
	}
}
