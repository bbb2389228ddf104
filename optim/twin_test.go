package optim

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// Twins hold, list, copy and restore what two slots with memory of their own would.
func TestTwinsAreToOthersWhatTwoSlotsAre(t *testing.T) {
	const rows = models.WholeValues + 5 // of several chunks
	params := models.Params{
		models.NewParam("bias", 3), models.NewParam("table", rows, 1), models.NewParam("vectors", 4, 2),
	}
	params[1].Sparse, params[2].Sparse = true, true
	a, b := newTwins("z", "n", params)
	twins := &memory{slots: []*slot{a, b}}
	apart := &memory{slots: []*slot{newSlot("z", params), newSlot("n", params)}}
	require.NotNil(t, a.beside(1))
	require.Nil(t, a.beside(0))
	require.Nil(t, a.beside(2), "rows of several values are lines of their own")

	r, k := rand.New(rand.NewPCG(1, 2)), compute.Best()
	st := apart.state()
	for _, tensor := range st.Tensors {
		for j := range tensor.Data {
			tensor.Data[j] = float32(r.NormFloat64())
		}
	}
	both := func(do func(m *memory)) {
		do(twins)
		do(apart)
		require.Equal(t, apart.state(), twins.state())
		got, want := twins.freeze(), apart.freeze()
		require.Equal(t, want.Tensors.Shapes(), got.Tensors.Shapes())
		require.True(t, want.Tensors.Params().Equal(got.Tensors.Params()))
	}
	both(func(m *memory) {
		require.NoError(t, m.fits(st))
		m.restore(st)
	})
	require.Error(t, twins.fits(State{Tensors: st.Tensors[1:]}))
	both(func(m *memory) { // a step that is proposed and taken, and one in place
		m.begin()
		grad := models.Params{
			{Name: "bias", Shape: []int{3}, Data: make([]float32, 3)},
			{Name: "table", Shape: []int{rows, 1}, Sparse: true, Rows: []int32{7, rows - 1, 0}, Data: []float32{1, 2, 3}},
			{Name: "vectors", Shape: []int{4, 2}, Sparse: true, Rows: []int32{2}, Data: []float32{4, 5}},
		}
		for side, s := range m.slots {
			for i := range grad {
				cur, next := s.pair(i, &grad[i])
				for j, v := range cur {
					next[j] = 2*v + float32(side)
				}
			}
		}
		m.commit()
	})
	both(func(m *memory) {
		for side, s := range m.slots {
			s.set(1, 70_000, float32(5+side))
			s.set(0, 2, float32(7+side))
		}
		m.touch(models.Params{
			{Name: "bias", Shape: []int{3}}, {Name: "table", Shape: []int{rows, 1}, Sparse: true, Rows: []int32{70_000}},
			{Name: "vectors", Shape: []int{4, 2}, Sparse: true},
		})
	})
	for i, s := range twins.slots {
		norm := 0.0
		for _, v := range twins.state().Tensors[3*i+1].Data {
			norm += float64(v) * float64(v)
		}
		require.True(t, s.within(k, math.Sqrt(norm)*1.001))
		require.False(t, s.within(k, math.Sqrt(norm)*0.999))
	}
	both(func(m *memory) { m.clear() })
	require.True(t, a.within(k, 0))
}

func TestOfTwinsWhatAStepChangedIsCopiedAndNoMore(t *testing.T) {
	params := models.Params{models.NewParam("table", 2*models.WholeValues, 1)}
	params[0].Sparse = true
	a, b := newTwins("z", "n", params)
	m := &memory{slots: []*slot{a, b}}
	first := m.freeze()
	b.set(0, models.WholeValues, 1)
	m.touch(models.Params{{Name: "table", Shape: params[0].Shape, Sparse: true, Rows: []int32{models.WholeValues}}})
	second := m.freeze()
	for i, was := range first.Tensors.Tensors() {
		changed := 0
		for j, c := range second.Tensors.Tensors()[i].Chunks {
			if c != was.Chunks[j] {
				changed++
			}
		}
		require.Equal(t, 1, changed, "one chunk of each is copied, the others are shared")
	}
}
