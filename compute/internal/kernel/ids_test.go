package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// sets lists every family of this machine.
func sets(t *testing.T) []*Set {
	var out []*Set
	for _, name := range Names() {
		s, err := Named(name)
		require.NoError(t, err)
		out = append(out, s)
	}
	return out
}

func TestLookUpAddsOffsetsAndRefusesWhatIsNotInItsColumn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range sets(t) {
		for n := 1; n < 45; n++ {
			const rows = 3
			offsets, tops, src := make([]int32, n), make([]int32, n), make([]int32, rows*n)
			for j := range tops {
				offsets[j] = r.Int32N(1 << 20)
				tops[j] = []int32{0, 5, 1 << 10, math.MaxInt32 - 1<<20}[r.IntN(4)]
			}
			for i := range src {
				src[i] = r.Int32N(tops[i%n] + 1)
				if r.IntN(4) == 0 {
					src[i] = tops[i%n]
				}
			}
			dst := make([]int32, len(src)+1)
			dst[len(src)] = 7
			require.True(t, s.LookUp(dst, src, offsets, tops), "%s, %d columns", s.Name, n)
			for i, v := range src {
				require.Equal(t, v+offsets[i%n], dst[i], "%s, %d columns", s.Name, n)
			}
			require.EqualValues(t, 7, dst[len(src)], "%s, %d columns: written beyond the last row", s.Name, n)
			for i, v := range src {
				for _, bad := range []int32{-1, tops[i%n] + 1, math.MinInt32, math.MaxInt32} {
					src[i] = bad
					require.False(t, s.LookUp(dst, src, offsets, tops), "%s, %d columns: %d at %d", s.Name, n, bad, i)
				}
				src[i] = v
			}
		}
	}
}

func TestWithinSeesTheLeastAndTheGreatestWhereverTheyStand(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, s := range sets(t) {
		require.True(t, s.within(nil, 0, 0))
		for n := 1; n < 40; n++ {
			ids := make([]int32, n)
			for i := range ids {
				ids[i] = r.Int32N(100)
			}
			require.True(t, s.within(ids, 0, 100), s.Name)
			for i, v := range ids {
				ids[i] = 100
				require.False(t, s.within(ids, 0, 100), "%s: %d of %d", s.Name, i, n)
				ids[i] = -1
				require.False(t, s.within(ids, 0, 100), "%s: %d of %d", s.Name, i, n)
				require.True(t, s.within(ids, -1, 100), "%s: %d of %d", s.Name, i, n)
				ids[i] = -2
				require.False(t, s.within(ids, -1, 100), "%s: %d of %d", s.Name, i, n)
				ids[i] = v
			}
		}
	}
}

// An id that is overlooked would be learned from twice, or from memory before the table.
func TestDistinctSeesEachPairAndEachAbsentId(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range sets(t) {
		var a assurance
		for n := 1; n <= fewIDs+1; n++ {
			ids := make([]int32, n)
			for i, v := range r.Perm(1 << 12)[:n] {
				ids[i] = int32(v)
			}
			if s.f.distinct != nil {
				require.Equal(t, n <= fewIDs, a.distinct(s, ids), "%s: %d ids", s.Name, n)
			}
			for i := range ids {
				was := ids[i]
				for j := range i {
					ids[i] = ids[j]
					require.False(t, a.distinct(s, ids), "%s: %d as %d of %d", s.Name, i, j, n)
				}
				for _, absent := range []int32{-1, math.MinInt32} {
					ids[i] = absent
					require.False(t, a.distinct(s, ids), "%s: %d of %d", s.Name, i, n)
				}
				ids[i] = was
			}
		}
	}
}

// Slots say when they were written, by a number that comes to its end.
func TestCollectForgetsListsBeforeAsItsNumbersBeginAnew(t *testing.T) {
	s, c := Best(), NewCollector(100)
	index, values := make([]int32, 100), make([]float32, 100)
	ids, src := make([]int32, 100), make([]float32, 50)
	for i := range ids {
		ids[i] = int32(i * 3 % 40)
	}
	Fill(src, 1)
	c.begin = math.MaxInt32 - 250
	for round := range 20 {
		c.last.forget()
		require.Equal(t, 40, c.Collect(s, index, values, ids, nil, src, 1, 2), "round %d", round)
		for k, id := range index[:40] {
			require.EqualValues(t, k*3%40, id, "round %d", round)
			require.Equal(t, []float32{3, 2}[min(k/20, 1)], values[k], "round %d", round)
		}
	}
	require.Less(t, c.begin, int32(1000))
}
