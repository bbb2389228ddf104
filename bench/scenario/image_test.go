package scenario

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/data"
)

// Rows whose pixels are drawn one by one are those that a look at each input gives.
func TestDrawnImagesAreGatheredOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const height, width, rows = 9, 7, 20
	set := &data.Set{Height: height, Width: width, Pixels: make([]byte, rows*height*width), Targets: make([]float32, rows)}
	for i := range set.Pixels {
		if r.IntN(4) == 0 {
			set.Pixels[i] = byte(r.IntN(256))
		}
	}
	clear(set.Pixels[:height*width])
	padded := plain(height, width, 2)
	for _, mean := range []float64{0, 0.1} {
		for name, gather := range map[string][]int32{
			"plain":    plain(height, width, 0),
			"padded":   padded,
			"permuted": permuted(padded, r),
			"cropped":  plain(height, width, 0)[8:50],
		} {
			e := &Examples{set: set, rows: make([]int32, rows), gather: gather, levels: levels(mean, 0.3), spread: inverse(gather, height*width)}
			e.blank = blank(len(gather), e.levels)
			require.NotNil(t, e.spread, name)
			slow := *e
			slow.spread = nil
			for i := range e.rows {
				e.rows[i] = int32(i)
				got, want := slices.Repeat([]float32{7}, len(gather)), make([]float32, len(gather))
				e.Dense(got, i)
				slow.Dense(want, i)
				require.Equal(t, want, got, "%s, row %d", name, i)
				require.Equal(t, want, e.Row(i).Dense, "%s, row %d", name, i)
			}
		}
	}
	require.Nil(t, inverse([]int32{0, 1, 1}, 3), "a pixel in two places is drawn in neither")
}
