package optimtest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// A Reference computes, in float64 and from the text of the definition, the step for one
// gradient and the parameters it was taken at. It keeps its own state between calls. Both
// slices list the values of all tensors; it returns as many.
type Reference func(grad, params []float64) []float64

// Run checks the Transform that build makes for parameters, which it may keep a copy of.
// Reference makes the same Transform by its definition.
func Run(t *testing.T, build func(models.Params) optim.Transform, reference func(params []float64) Reference) {
	t.Helper()
	c := suite{build: build, reference: reference}
	t.Run("steps equal the definition", c.definition)
	t.Run("a restored state goes on with equal bits", c.roundTrip)
	t.Run("a state is a copy", c.copies)
	t.Run("another state is refused", c.otherState)
	t.Run("what is not finite changes nothing", c.nonFinite)
	t.Run("other tensors are refused", c.otherTensors)
	t.Run("an update allocates nothing", c.allocations)
}

// RunSparse checks that the Transform that build makes takes sparse tensors: that it does to
// the rows that a gradient lists what it would do to them in a dense tensor of all rows that
// ever were listed, and nothing to the others. It is for Transforms that treat each value by
// itself, or as Clip does all of them.
func RunSparse(t *testing.T, build func(models.Params) optim.Transform) {
	t.Helper()
	s := sparse{build}
	t.Run("listed rows move as rows of a dense tensor", s.listed)
	t.Run("rows that are not listed stay", s.others)
	t.Run("a restored state goes on with equal bits", s.roundTrip)
	t.Run("what is not finite changes nothing", s.nonFinite)
	t.Run("rows that do not exist are refused", s.outside)
	t.Run("an update allocates nothing", s.allocations)
}

type suite struct {
	build     func(models.Params) optim.Transform
	reference func([]float64) Reference
}

func start() models.Params {
	p := models.Params{models.NewParam("weight", 3, 4), models.NewParam("bias", 4)}
	fill(p, rand.New(rand.NewPCG(1, 2)), 1)
	return p
}

func fill(p models.Params, r *rand.Rand, scale float64) {
	for _, t := range p {
		for j := range t.Data {
			t.Data[j] = float32(scale * r.NormFloat64())
		}
	}
}

// advance takes n steps on random gradients.
func advance(t *testing.T, tr optim.Transform, p models.Params, n int, r *rand.Rand) {
	t.Helper()
	for range n {
		g := p.Zeros()
		fill(g, r, 0.7)
		require.NoError(t, tr.Update(g, p))
		optim.Apply(p, g)
	}
}

func flat(p models.Params) []float64 {
	var out []float64
	for _, t := range p {
		for _, v := range t.Data {
			out = append(out, float64(v))
		}
	}
	return out
}

func (c suite) definition(t *testing.T) {
	p := start()
	tr, ref := c.build(p), c.reference(flat(p))
	r := rand.New(rand.NewPCG(3, 4))
	for step := range 60 {
		g := p.Zeros()
		fill(g, r, math.Exp(r.NormFloat64()))
		want := ref(flat(g), flat(p))
		before := p.Clone()
		require.NoError(t, tr.Update(g, p))
		require.True(t, before.Equal(p), "Update wrote to the parameters")
		for i, v := range flat(g) {
			// A step that is the difference of two parameters has their rounding errors.
			rounding := 1e-6 * math.Abs(flat(p)[i])
			require.InDelta(t, want[i], v, 1e-4*(math.Abs(want[i])+1e-3)+rounding, "step %d, value %d", step, i)
		}
		optim.Apply(p, g)
	}
}

func (c suite) roundTrip(t *testing.T) {
	p := start()
	tr := c.build(p)
	advance(t, tr, p, 13, rand.New(rand.NewPCG(5, 6)))
	st, q := stateOf(t, tr), p.Clone()
	twin := c.build(start())
	require.NoError(t, twin.Restore(st))
	requireEqual(t, st, stateOf(t, twin))

	advance(t, tr, p, 17, rand.New(rand.NewPCG(7, 8)))
	advance(t, twin, q, 17, rand.New(rand.NewPCG(7, 8)))
	require.True(t, p.Equal(q), "the restored twin went another way")
	requireEqual(t, stateOf(t, tr), stateOf(t, twin))
}

// stateOf returns the state. The copy that shares what was not marked as changed must say
// the same.
func stateOf(t *testing.T, tr optim.Transform) optim.State {
	t.Helper()
	st := tr.State()
	if f, ok := tr.(interface{ Freeze() optim.Frozen }); ok {
		frozen := f.Freeze()
		requireEqual(t, st, optim.State{Tensors: frozen.Tensors.Params(), Counters: frozen.Counters})
	}
	return st
}

func requireEqual(t *testing.T, want, got optim.State) {
	t.Helper()
	require.True(t, want.Tensors.Equal(got.Tensors), "tensors differ")
	require.Equal(t, want.Counters, got.Counters)
}

func (c suite) copies(t *testing.T) {
	p := start()
	tr := c.build(p)
	advance(t, tr, p, 3, rand.New(rand.NewPCG(9, 10)))
	st := stateOf(t, tr)
	before := optim.State{Tensors: st.Tensors.Clone(), Counters: append([]optim.Counter(nil), st.Counters...)}
	advance(t, tr, p, 3, rand.New(rand.NewPCG(11, 12)))
	requireEqual(t, before, st)

	require.NoError(t, tr.Restore(st))
	for _, x := range st.Tensors {
		clear(x.Data)
	}
	requireEqual(t, before, stateOf(t, tr))
}

func (c suite) otherState(t *testing.T) {
	p := start()
	tr := c.build(p)
	advance(t, tr, p, 3, rand.New(rand.NewPCG(13, 14)))
	before := stateOf(t, tr)
	for name, change := range map[string]func(*optim.State){
		"one tensor more":  func(s *optim.State) { s.Tensors = append(s.Tensors, models.NewParam("other", 1)) },
		"one counter more": func(s *optim.State) { s.Counters = append(s.Counters, optim.Counter{Name: "other"}) },
		"a tensor missing": func(s *optim.State) {
			if len(s.Tensors) == 0 {
				s.Tensors = models.Params{models.NewParam("other", 1)}
				return
			}
			s.Tensors = s.Tensors[:len(s.Tensors)-1]
		},
		"a NaN": func(s *optim.State) {
			if len(s.Tensors) == 0 {
				s.Tensors = models.Params{models.NewParam("other", 1)}
				return
			}
			s.Tensors[0].Data[0] = float32(math.NaN())
		},
	} {
		st := stateOf(t, tr)
		change(&st)
		require.ErrorIs(t, tr.Restore(st), optim.ErrState, name)
		requireEqual(t, before, stateOf(t, tr))
	}
}

func (c suite) nonFinite(t *testing.T) {
	p := start()
	tr := c.build(p)
	advance(t, tr, p, 5, rand.New(rand.NewPCG(15, 16)))
	twin := c.build(start())
	require.NoError(t, twin.Restore(stateOf(t, tr)))
	q := p.Clone()

	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		g := p.Zeros()
		fill(g, rand.New(rand.NewPCG(17, 18)), 1)
		g[1].Data[2] = float32(bad)
		require.ErrorIs(t, tr.Update(g, p), optim.ErrNonFinite)
		require.True(t, p.Equal(q), "parameters changed")
		requireEqual(t, stateOf(t, twin), stateOf(t, tr))
	}
	// Finite, but too large for a square, a sum, or the parameters: the Transform may
	// bear it or refuse it, but not half of either.
	g := p.Zeros()
	fill(g, rand.New(rand.NewPCG(17, 18)), math.MaxFloat32/8)
	if err := tr.Update(g, p); err != nil {
		require.ErrorIs(t, err, optim.ErrNonFinite)
		requireEqual(t, stateOf(t, twin), stateOf(t, tr))
	} else {
		require.True(t, g.Finite())
		require.True(t, stateOf(t, tr).Tensors.Finite())
		require.NoError(t, tr.Restore(stateOf(t, twin)))
	}
	advance(t, tr, p, 5, rand.New(rand.NewPCG(19, 20)))
	advance(t, twin, q, 5, rand.New(rand.NewPCG(19, 20)))
	require.True(t, p.Equal(q), "a refused gradient left something behind")
}

func (c suite) otherTensors(t *testing.T) {
	p := start()
	tr := c.build(p)
	require.ErrorIs(t, tr.Update(p.Zeros()[:1], p), models.ErrParams)
	require.ErrorIs(t, tr.Update(p.Zeros(), p[:1]), models.ErrParams)
	renamed := p.Zeros()
	renamed[0].Name = "other"
	require.ErrorIs(t, tr.Update(renamed, p), models.ErrParams)
}

func (c suite) allocations(t *testing.T) {
	p := start()
	tr := c.build(p)
	g := p.Zeros()
	r := rand.New(rand.NewPCG(21, 22))
	n := testing.AllocsPerRun(100, func() {
		fill(g, r, 0.5)
		if err := tr.Update(g, p); err != nil {
			t.Error(err)
		}
	})
	require.Zero(t, n)
}
