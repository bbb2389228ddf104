package replay

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/lanes"
)

func TestASumOfFeaturesForgetsItsHistory(t *testing.T) {
	const width = 5
	r := rand.New(rand.NewPCG(1, 2))
	feature := func() []float32 {
		f := make([]float32, width)
		for i := range f {
			f[i] = float32(math.Ldexp(r.Float64()-0.5, -r.IntN(40)))
		}
		return f
	}
	vectors := lanes.Best()
	sums := newFeatureSums(vectors, width)
	var held [][]float32
	for range 10_000 {
		switch at := r.IntN(len(held) + 1); {
		case at == len(held) || len(held) < 100:
			held = append(held, feature())
			sums.trade(3, held[len(held)-1], nil)
		case r.IntN(2) == 0:
			f := feature()
			sums.trade(3, f, held[at])
			held[at] = f
		default:
			sums.trade(3, nil, held[at])
			held = append(held[:at], held[at+1:]...)
		}
	}
	r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
	anew := newFeatureSums(vectors, width)
	for _, f := range held {
		anew.trade(3, f, nil)
	}
	require.Equal(t, anew.of(3), sums.of(3))
	require.Equal(t, make([]float64, width), sums.of(2), "of another group")
}
