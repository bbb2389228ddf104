package prequential_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/internal/rng"
)

func newPaired(t testing.TB, window int) *prequential.Paired {
	t.Helper()
	p, err := prequential.NewPaired(window)
	require.NoError(t, err)
	return p
}

func TestPairedMeansAreOverTheLatest(t *testing.T) {
	p := newPaired(t, 3)
	requireMeans := func(candidate, stable float64) {
		t.Helper()
		c, s := p.Means()
		require.Equal(t, []float64{candidate, stable}, []float64{c, s})
	}
	requireMeans(0, 0)
	p.Add(1, 2)
	requireMeans(1, 2)
	for i := range 5 {
		p.Add(float64(i), 10*float64(i))
	}
	requireMeans(3, 30)
	require.Equal(t, 3, p.Len())
	p.Add(math.NaN(), 1)
	p.Add(1, math.Inf(1))
	requireMeans(3, 30)
	p.Reset()
	require.Zero(t, p.Len())
	requireMeans(0, 0)
	p.Add(7, 8)
	requireMeans(7, 8)
}

func TestRestoredPairedHasTheSameMeansEverAfter(t *testing.T) {
	for seed := range uint64(50) {
		r := rng.New(seed, "pairs", 0)
		original := newPaired(t, 20)
		for range r.IntN(70) {
			original.Add(r.NormFloat64()*1e9, r.NormFloat64())
		}
		data, err := original.Snapshot()
		require.NoError(t, err)
		restored := newPaired(t, 20)
		restored.Add(1, 1)
		require.NoError(t, restored.Restore(data))
		for i := range 60 {
			a, b := original.Means()
			c, d := restored.Means()
			require.Equal(t, []float64{a, b}, []float64{c, d})
			require.Equal(t, original.Len(), restored.Len())
			if i == 40 {
				original.Reset()
				restored.Reset()
			}
			x, y := r.NormFloat64(), r.NormFloat64()*1e9
			original.Add(x, y)
			restored.Add(x, y)
		}
		again, err := restored.Snapshot()
		require.NoError(t, err)
		first, err := original.Snapshot()
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestPairedRefusesWhatDoesNotFitAndChangesNothing(t *testing.T) {
	large := newPaired(t, 9)
	for i := range 9 {
		large.Add(float64(i), 1)
	}
	data, err := large.Snapshot()
	require.NoError(t, err)
	p := newPaired(t, 8)
	p.Add(4, 5)
	for _, data := range [][]byte{nil, data, data[:len(data)-1]} {
		require.ErrorIs(t, p.Restore(data), prequential.ErrState)
		require.Equal(t, 1, p.Len())
	}
	_, err = prequential.NewPaired(0)
	require.EqualError(t, err, "window: must be in [1, 16777216], got 0")
}

func FuzzPairedRestore(f *testing.F) {
	p := newPaired(f, 4)
	for i := range 6 {
		p.Add(float64(i), 1)
	}
	data, err := p.Snapshot()
	require.NoError(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newPaired(t, 4)
		if p.Restore(data) != nil {
			return
		}
		require.LessOrEqual(t, p.Len(), 4)
		again, err := p.Snapshot()
		require.NoError(t, err)
		require.NoError(t, p.Restore(again))
	})
}

func BenchmarkPaired(b *testing.B) {
	p := newPaired(b, 10_000)
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Add(0.5, 0.25)
		}
	})
	b.Run("means of 10,000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Means()
		}
	})
}
