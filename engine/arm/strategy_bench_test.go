package arm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// BenchmarkDefaultStrategy is a whole step of the default strategy for binary: one new example
// and four rehearsed ones, drawn, learned and kept.
func BenchmarkDefaultStrategy(b *testing.B) {
	for _, splines := range []int{0, 9} {
		b.Run(fmt.Sprintf("mlp-16-64-32-1/splines=%d", splines), func(b *testing.B) {
			spec := models.Spec{
				Kind: "mlp", Task: models.Binary, Dense: 16, Splines: splines, Hidden: []int{64, 32},
				Activation: "gelu", Init: models.UniformFanIn,
			}
			a := newArm(b, Front{Seed: 1, Spec: spec, Rows: 1}, Config{Strategy: StrategyDefault, Replay: replay.Config{Capacity: 2000}})
			r := rand.New(rand.NewPCG(1, 2))
			arrivals := make([]*replay.Example, 4000)
			for i := range arrivals {
				x := make([]float32, spec.Dense)
				for j := range x {
					x[j] = float32(r.NormFloat64())
				}
				arrivals[i] = &replay.Example{ID: fmt.Sprint(i), Dense: x, Target: float32(r.IntN(2)), Weight: 1}
			}
			at := 0
			learn := func() {
				fresh := *arrivals[at%len(arrivals)]
				at++
				fresh.ID, fresh.Position = fmt.Sprint(at), uint64(at)
				if err := a.Learn([]*replay.Example{&fresh}, uint64(at), a.Streams(uint64(at))); err != nil {
					b.Fatal(err)
				}
			}
			for range arrivals {
				learn()
			}
			b.ReportAllocs()
			for b.Loop() {
				learn()
			}
		})
	}
}
