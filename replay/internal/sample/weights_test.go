package sample

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
)

func TestWeightsDrawByWhatTheyHold(t *testing.T) {
	ops := rng.New(1, "ops", 0)
	w := NewWeights(1 << 12)
	var plain []uint32
	for range 3000 {
		switch k := ops.IntN(10); {
		case k < 4:
			v := ops.Uint32N(50)
			w.Push(v)
			plain = append(plain, v)
		case k < 7 && len(plain) > 0:
			i, v := ops.IntN(len(plain)), ops.Uint32N(50)
			w.Set(i, v)
			plain[i] = v
		case k < 8 && len(plain) > 0:
			i := ops.IntN(len(plain))
			w.Remove(i)
			plain[i] = plain[len(plain)-1]
			plain = plain[:len(plain)-1]
		}
		require.Equal(t, len(plain), w.Len())
		if len(plain) == 0 {
			continue
		}
		sum, top := uint64(0), uint32(0)
		for _, v := range plain {
			sum, top = sum+uint64(v), max(top, v)
		}
		root := w.levels[len(w.levels)-1]
		require.Equal(t, []uint64{sum}, root.sum)
		require.Equal(t, []uint32{top}, root.max)
	}
	require.Equal(t, plain, w.leaves.List())
}

func TestPicksFollowTheirLaw(t *testing.T) {
	for _, tc := range []struct {
		name   string
		leaves []uint32
		low    bool
		want   []float64
	}{
		{"by weight", []uint32{1, 0, 3, 4, 2}, false, []float64{1, 0, 3, 4, 2}},
		{"below the largest", []uint32{1, 0, 3, 4, 2}, true, []float64{3, 4, 1, 0, 2}},
		{"all nothing", []uint32{0, 0, 0}, false, []float64{1, 1, 1}},
		{"all alike", []uint32{7, 7, 7}, true, []float64{1, 1, 1}},
		{"one", []uint32{5}, true, []float64{1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := NewWeights(1 << 12)
			for _, v := range tc.leaves {
				w.Push(v)
			}
			const draws = 20_000
			hits := make([]float64, len(tc.leaves))
			r := rng.New(2, "pick", 0)
			for range draws {
				if tc.low {
					hits[w.PickLow(r)]++
				} else {
					hits[w.Pick(r)]++
				}
			}
			total, chi := 0.0, 0.0
			for _, v := range tc.want {
				total += v
			}
			for i, v := range tc.want {
				want := draws * v / total
				if want == 0 {
					require.Zero(t, hits[i])
					continue
				}
				chi += (hits[i] - want) * (hits[i] - want) / want
			}
			require.Less(t, chi, 18.5, "chi-squared of 4 degrees of freedom passes 18.5 once in a thousand")
		})
	}
}
