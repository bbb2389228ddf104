package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
)

// levels are rows of a number with four values, of which every other one is positive: what no
// line tells apart. Another number beside it says nothing.
func levels(seed uint64, n int) *tape {
	r := rand.New(rand.NewPCG(seed, 3))
	l := newTape()
	for i := range n {
		level := r.IntN(4)
		x := feature.Row{Dense: []float32{float32(level) - 1.5, float32(r.NormFloat64())}}
		l.add(time.Millisecond, selfContained(fmt.Sprint("s", i), x, float64(level%2)))
	}
	return l
}

// What is served is made from the spec as a version carries it.
func TestALinearModelTellsValuesApartBySplinesAndIsServedSo(t *testing.T) {
	cfg := config()
	cfg.Spec = models.Spec{Kind: "linear", Task: models.Binary, Dense: 2, Splines: 7}
	whole, broken := newEngine(t, cfg), newEngine(t, cfg)
	log := levels(1, 2000).records
	served := published(t, whole, log)
	require.Greater(t, *whole.Report().Arms[0].Prequential.Window.Accuracy, 0.99)

	for at := 0; at < len(log); at += 137 {
		apply(t, broken, log[at:min(at+137, len(log))])
		broken = copied(t, cfg, broken)
	}
	require.Equal(t, hash(t, whole), hash(t, broken), "a restored learner reads numbers otherwise")

	p, _ := server(t, served, 4)
	answers := make([]float32, 4)
	require.NoError(t, p.Predict(answers, &models.Batch{Rows: 4, Dense: []float32{-1.5, 0, -0.5, 0, 0.5, 0, 1.5, 0}}))
	for level, a := range answers {
		require.InDelta(t, level%2, a, 0.3, "level %d", level)
	}

	cfg.Spec.Splines = 0
	line := newEngine(t, cfg)
	apply(t, line, log)
	require.Less(t, *line.Report().Arms[0].Prequential.Window.Accuracy, 0.85, "a line tells them apart")
}
