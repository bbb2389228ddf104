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

// What a dropout leaves out is a function of seed, arm and position: a learner that was
// restored in the midst of the log, and one that replays all of it, leave out the same.
func TestDropoutGoesOnBitForBitAfterRestore(t *testing.T) {
	log := traffic(5, 500).records
	cfg := config()
	cfg.Spec.Norm, cfg.Spec.Dropout = models.LayerNorm, 0.3
	whole, again := newEngine(t, cfg), newEngine(t, cfg)
	want := apply(t, whole, log)
	require.Equal(t, want, apply(t, again, log))
	require.Equal(t, hash(t, whole), hash(t, again), "a replay leaves out something else")

	broken := newEngine(t, cfg)
	var got []string
	for at := 0; at < len(log); at += 41 {
		got = append(got, apply(t, broken, log[at:min(at+41, len(log))])...)
		broken = copied(t, cfg, broken)
	}
	require.Equal(t, want, got)
	require.Equal(t, hash(t, whole), hash(t, broken), "a restored learner leaves out something else")
	require.Equal(t, whole.Report(), broken.Report())
	require.NotZero(t, whole.Report().Arms[0].Counts.Steps)

	cfg.Spec.Dropout = 0
	plain := newEngine(t, cfg)
	apply(t, plain, log)
	require.NotEqual(t, hash(t, whole), hash(t, plain), "nothing is left out")
}

// stripes are images that are bright in every other line, or in every other column.
func stripes(seed uint64, n int) *tape {
	r := rand.New(rand.NewPCG(seed, 9))
	l := newTape()
	for i := range n {
		x, class := feature.Row{Dense: make([]float32, 48)}, r.IntN(2)
		phase := r.IntN(2)
		for j := range x.Dense {
			line, column := j/8, j%8
			x.Dense[j] = float32(0.5 * r.NormFloat64())
			if []int{line, column}[class]%2 == phase {
				x.Dense[j]++
			}
		}
		l.add(time.Millisecond, selfContained(fmt.Sprint("s", i), x, float64(class)))
	}
	return l
}

func TestLearnsToTellImagesApart(t *testing.T) {
	cfg := config()
	cfg.Spec = models.Spec{
		Kind: "cnn", Task: models.Binary, Dense: 48, Image: &models.Image{Height: 6, Width: 8},
		Conv: []models.Conv{{Filters: 6}}, Hidden: []int{8}, Dropout: 0.1,
	}
	e := newEngine(t, cfg)
	log := stripes(1, 1500).records
	apply(t, e, log)
	report := e.Report().Arms[0]
	require.NotZero(t, report.Counts.Steps)
	require.Greater(t, *report.Prequential.Window.Accuracy, 0.95)
	require.Equal(t, hash(t, e), hash(t, copied(t, cfg, e)))
}
