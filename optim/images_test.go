package optim_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/modelstest"
	"github.com/perennial-ml/perennial/optim"
)

// BenchmarkImages is a step on images of 28×28, drawn lines that cover about a fifth of each,
// over a background of 0, over one that is not 0, and on noise that leaves out nothing.
func BenchmarkImages(b *testing.B) {
	for _, shape := range []struct {
		name   string
		rows   int
		hidden []int
	}{
		{"784-256-256-10", 1, []int{256, 256}},
		{"784-256-256-10", 10, []int{256, 256}},
		{"784-512-10", 20, []int{512}},
		{"784-256-256-10", 64, []int{256, 256}},
		{"784-100-100-10", 384, []int{100, 100}},
	} {
		for _, ground := range []struct {
			name  string
			value float32
			lines bool
		}{{"zero", 0, true}, {"other", -0.42, true}, {"noise", 0, false}} {
			b.Run(fmt.Sprintf("%s/batch=%d/ground=%s", shape.name, shape.rows, ground.name), func(b *testing.B) {
				s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: 784, Hidden: shape.hidden}
				m, err := models.New(s, shape.rows)
				require.NoError(b, err)
				r := rand.New(rand.NewPCG(5, 6))
				m.Init(r)
				step, err := optim.New([]optim.Config{{SGD: &optim.SGD{LearningRate: 1e-4}}}, m.Params())
				require.NoError(b, err)
				batch := modelstest.Batch(s, shape.rows, r)
				if ground.lines {
					for i := range shape.rows {
						drawRing(batch.Dense[i*784:(i+1)*784], ground.value, r)
					}
				}
				_, err = step.Learn(m, batch)
				require.NoError(b, err)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					if _, err := step.Learn(m, batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// drawRing draws an ellipse.
func drawRing(image []float32, ground float32, r *rand.Rand) {
	x, y := 13.5+r.NormFloat64(), 13.5+r.NormFloat64()
	a, b := 4+4*r.Float64(), 6+3*r.Float64()
	for i := range image {
		dx, dy := (float64(i%28)-x)/a, (float64(i/28)-y)/b
		image[i] = ground
		if math.Abs(math.Sqrt(dx*dx+dy*dy)-1) < 0.3 {
			image[i] = 0.2 + 0.8*r.Float32()
		}
	}
}
