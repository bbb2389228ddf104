package engine_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

// The last layer has no bias: what is restored, and what is served, must not ask for one. And it
// goes by directions alone, so that weights of any length give the same answers.
func TestClassesOfOneNormGoOnBitForBitAndAreServedSo(t *testing.T) {
	cfg := config()
	cfg.Spec.Task, cfg.Spec.Classes, cfg.Spec.Kind = models.Multiclass, 5, "mlp"
	cfg.Spec.Hidden, cfg.Spec.ClassNorm = []int{8}, 4
	whole, broken := newEngine(t, cfg), newEngine(t, cfg)
	log := classes(1, 300, [2]int{0, 1}, [2]int{2, 3}, [2]int{4, 0}).records
	served := published(t, whole, log)
	for at := 0; at < len(log); at += 101 {
		apply(t, broken, log[at:min(at+101, len(log))])
		broken = copied(t, cfg, broken)
	}
	require.Equal(t, hash(t, whole), hash(t, broken))

	p, spec := server(t, served, 1)
	b := &models.Batch{Rows: 1, Dense: make([]float32, spec.Dense), Categories: make([]int32, len(spec.Categories))}
	b.Dense[0] = 1
	want, got := make([]float32, 5), make([]float32, 5)
	require.NoError(t, p.Predict(want, b))
	last := p.Params()[len(p.Params())-1]
	require.Equal(t, "output.weight", last.Name)
	for i := range last.Data {
		last.Data[i] = float32(math.Ldexp(float64(last.Data[i]), i%5)) // each class's by another factor
	}
	require.NoError(t, p.Predict(got, b))
	require.InDeltaSlice(t, want, got, 1e-6)
}
