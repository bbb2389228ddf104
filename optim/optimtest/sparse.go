package optimtest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

type sparse struct {
	build func(models.Params) optim.Transform
}

const tableRows, tableWidth = 12, 3

// tables returns a sparse tensor of a table, one of a column, and a dense one.
func tables() models.Params {
	p := models.Params{
		models.NewParam("table", tableRows, tableWidth), models.NewParam("column", tableRows, 1), models.NewParam("bias", 4),
	}
	p[0].Sparse, p[1].Sparse = true, true
	fill(p, rand.New(rand.NewPCG(1, 2)), 1)
	return p
}

// gradient lists rows of both sparse tensors.
func gradient(p models.Params, r *rand.Rand, scale float64, rows ...int32) models.Params {
	g := p.ZeroGrads()
	for i := range g[:2] {
		g[i].Rows = rows
		g[i].Data = make([]float32, len(rows)*g[i].Width())
	}
	fill(g, r, scale)
	return g
}

// draw returns up to n different rows in any order.
func draw(r *rand.Rand, n int) []int32 {
	var rows []int32
	for _, i := range r.Perm(tableRows)[:1+r.IntN(n)] {
		rows = append(rows, int32(i))
	}
	return rows
}

// listed compares with dense tensors, all rows being listed in a new order each time.
func (s sparse) listed(t *testing.T) {
	p, q := tables(), tables()
	for i := range q {
		q[i].Sparse = false
	}
	a, b := s.build(p), s.build(q)
	r := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		var rows []int32
		for _, i := range r.Perm(tableRows) {
			rows = append(rows, int32(i))
		}
		g := gradient(p, r, math.Exp(r.NormFloat64()), rows...)
		h := g.Full()
		for i := range h {
			h[i].Sparse = false
		}
		require.NoError(t, a.Update(g, p))
		require.NoError(t, b.Update(h, q))
		for i, want := range h {
			got := g.Full()[i].Data
			for j := range got { // a norm over all rows adds up in the order of the list
				require.InDelta(t, want.Data[j], got[j], 1e-5*(1+math.Abs(float64(got[j]))), "%s[%d]", want.Name, j)
			}
		}
		optim.Apply(p, g)
		optim.Apply(q, h)
		for i := range q {
			copy(q[i].Data, p[i].Data)
		}
	}
}

func (s sparse) others(t *testing.T) {
	p := tables()
	tr := s.build(p)
	r := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		rows := draw(r, 5)
		g := gradient(p, r, 1, rows...)
		before, state := p.Clone(), stateOf(t, tr)
		require.NoError(t, tr.Update(g, p))
		require.True(t, before.Equal(p), "Update wrote to the parameters")
		require.NoError(t, p.FitsGrads(g))
		require.Equal(t, rows, g[0].Rows)
		optim.Apply(p, g)
		requireOthers(t, before, p, rows)
		requireOthers(t, state.Tensors, stateOf(t, tr).Tensors, rows)
	}
}

// requireOthers requires of sparse tensors that no other rows changed.
func requireOthers(t *testing.T, before, after models.Params, rows []int32) {
	t.Helper()
	for i, want := range before {
		if !want.Sparse {
			continue
		}
		w := want.Width()
		for row := range tableRows {
			if !slices.Contains(rows, int32(row)) {
				require.Equal(t, want.Data[row*w:(row+1)*w], after[i].Data[row*w:(row+1)*w], "%s, row %d", want.Name, row)
			}
		}
	}
}

func (s sparse) advance(t *testing.T, tr optim.Transform, p models.Params, n int, r *rand.Rand) {
	t.Helper()
	for range n {
		g := gradient(p, r, 0.7, draw(r, 6)...)
		require.NoError(t, tr.Update(g, p))
		optim.Apply(p, g)
	}
}

func (s sparse) roundTrip(t *testing.T) {
	p := tables()
	tr := s.build(p)
	s.advance(t, tr, p, 13, rand.New(rand.NewPCG(7, 8)))
	q, twin := p.Clone(), s.build(tables())
	require.NoError(t, twin.Restore(stateOf(t, tr)))
	s.advance(t, tr, p, 17, rand.New(rand.NewPCG(9, 10)))
	s.advance(t, twin, q, 17, rand.New(rand.NewPCG(9, 10)))
	require.True(t, p.Equal(q), "the restored twin went another way")
	requireEqual(t, stateOf(t, tr), stateOf(t, twin))
}

func (s sparse) nonFinite(t *testing.T) {
	p := tables()
	tr := s.build(p)
	r := rand.New(rand.NewPCG(11, 12))
	s.advance(t, tr, p, 5, r)
	q, state := p.Clone(), stateOf(t, tr)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for i := range p {
			g := gradient(p, r, 1, 7, 2, 9)
			g[i].Data[2] = float32(bad)
			require.ErrorIs(t, tr.Update(g, p), optim.ErrNonFinite)
			require.True(t, q.Equal(p), "parameters changed")
			requireEqual(t, state, stateOf(t, tr))
		}
	}
	g := gradient(p, r, math.MaxFloat32/8, 7, 2, 9)
	if err := tr.Update(g, p); err != nil {
		require.ErrorIs(t, err, optim.ErrNonFinite)
		requireEqual(t, state, stateOf(t, tr))
	}
}

func (s sparse) outside(t *testing.T) {
	p := tables()
	tr := s.build(p)
	state := stateOf(t, tr)
	r := rand.New(rand.NewPCG(13, 14))
	for _, row := range []int32{-1, tableRows} {
		require.ErrorIs(t, tr.Update(gradient(p, r, 1, 3, row), p), models.ErrParams)
	}
	short := gradient(p, r, 1, 3, 4)
	short[0].Data = short[0].Data[:tableWidth]
	require.ErrorIs(t, tr.Update(short, p), models.ErrParams)
	require.ErrorIs(t, tr.Update(p.Zeros(), p), models.ErrParams, "a whole table is no list of rows")
	dense := gradient(p, r, 1, 3)
	dense[2].Rows = []int32{0}
	require.ErrorIs(t, tr.Update(dense, p), models.ErrParams)
	requireEqual(t, state, stateOf(t, tr))
}

func (s sparse) allocations(t *testing.T) {
	p := tables()
	tr := s.build(p)
	r := rand.New(rand.NewPCG(15, 16))
	g := gradient(p, r, 1, 3, 8, 0, 5)
	n := testing.AllocsPerRun(100, func() {
		fill(g, r, 0.5)
		if err := tr.Update(g, p); err != nil {
			t.Error(err)
		}
	})
	require.Zero(t, n)
}
