package modelstest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

// Run checks the kinds that specs name in the registry that build returns; it calls build
// anew for each check. Specs should cover each task, inputs with and without categories,
// and each setting that changes the graph.
func Run(t *testing.T, build func() *models.Registry, specs ...models.Spec) {
	t.Helper()
	require.NotEmpty(t, specs, "nothing to check")
	for _, s := range specs {
		c := check{build: build, spec: s}
		t.Run(fmt.Sprintf("%s-%s-%dx%dx%v%v-%v%v%s%s%s%v%v-%dx%d", s.Kind, s.Task, s.Dense, s.Splines, s.Categories, s.Bags, s.Conv, s.Hidden, s.Activation, s.Init, s.Norm, s.ClassNorm, s.Dropout, s.Table, s.Embedding), func(t *testing.T) {
			t.Run("gradients equal finite differences", c.gradients)
			if s.Dropout > 0 {
				t.Run("equal noise leaves out the same, and no prediction knows of it", c.noise)
			} else {
				t.Run("loss is the weighted mean of the rows' losses", c.loss)
			}
			t.Run("a row's prediction is its own", c.neighbours)
			t.Run("filling up changes no bit", c.padding)
			t.Run("weights of zero give zero", c.noWeight)
			t.Run("equal seeds give equal bits", c.determinism)
			t.Run("tables list the rows of the batch alone", c.tables)
			t.Run("what is not finite is refused", c.nonFinite)
			t.Run("a predictor equals its model", c.predictor)
			t.Run("the spec survives JSON", c.json)
		})
	}
}

type check struct {
	build func() *models.Registry
	spec  models.Spec
}

func (c check) model(t *testing.T, capacity int) *models.Model {
	t.Helper()
	m, err := c.build().New(c.spec, capacity)
	require.NoError(t, err)
	m.Init(rand.New(rand.NewPCG(7, 11)))
	return m
}

// Batch returns random rows with weights, one of them zero, and soft targets.
func Batch(s models.Spec, rows int, r *rand.Rand) *models.Batch {
	b := &models.Batch{Rows: rows}
	for i := range rows {
		for range s.Dense {
			b.Dense = append(b.Dense, float32(r.NormFloat64()))
		}
		optional := s.Absent()
		for j, n := range s.Categories {
			category := r.Int32N(int32(n))
			if optional != nil && optional[j] && r.IntN(3) == 0 {
				category = -1
			}
			b.Categories = append(b.Categories, category)
		}
		b.Targets = append(b.Targets, target(s, i, r)...)
		w := float32(0.25 + r.Float64())
		if i == 2 {
			w = 0
		}
		b.Weights = append(b.Weights, w)
	}
	if s.Dropout > 0 {
		b.Noise = r.Uint64()
	}
	return b
}

// target returns a hard target for even rows, a soft one for odd rows.
func target(s models.Spec, row int, r *rand.Rand) []float32 {
	switch s.Task {
	case models.Binary:
		if row%2 == 0 {
			return []float32{float32(r.IntN(2))}
		}
		return []float32{float32(r.Float64())}
	case models.Multiclass:
		t := make([]float32, s.Classes)
		hit := r.IntN(s.Classes)
		t[hit] = 1
		if row%2 == 1 {
			t[hit] = 0.75
			t[(hit+1)%s.Classes] = 0.25
		}
		return t
	default:
		return []float32{float32(r.NormFloat64())}
	}
}

// gradients compares each gradient with (L(θ+h)-L(θ-h))/2h. Where two widths h disagree,
// a kink of the loss lies between; such a value is passed over, and few may be.
func (c check) gradients(t *testing.T) {
	m := c.model(t, 8)
	r := rand.New(rand.NewPCG(1, 2))
	jitter(m.Params(), r)
	b := Batch(c.spec, 5, r) // in a graph for 8
	_, err := m.Gradients(b)
	require.NoError(t, err)
	grads := m.Grads().Full()

	lossAt := func(v *float32, x float32) float64 {
		old := *v
		*v = x
		l, err := m.Gradients(b)
		*v = old
		require.NoError(t, err)
		return l
	}
	difference := func(v *float32, h float32) float64 {
		up, down := *v+h, *v-h
		return (lossAt(v, up) - lossAt(v, down)) / (float64(up) - float64(down))
	}
	checked, all, moved := 0, 0, false
	for i, p := range m.Params() {
		for j := range p.Data {
			wide, want := difference(&p.Data[j], 1.0/256), difference(&p.Data[j], 1.0/1024)
			scale := 1 + math.Abs(want)
			all++
			if math.Abs(wide-want) > 5e-4*scale {
				continue
			}
			checked++
			got := float64(grads[i].Data[j])
			moved = moved || got != 0
			require.InDelta(t, want, got, 2e-3*scale, "gradient of %s[%d]", p.Name, j)
		}
	}
	require.True(t, moved, "every gradient is zero")
	require.Greater(t, checked*10, all*8, "too few values away from a kink")
}

// jitter moves every value, biases too, so that none has a gradient by symmetry.
func jitter(p models.Params, r *rand.Rand) {
	for _, t := range p {
		for j := range t.Data {
			t.Data[j] += float32(0.2 * (r.Float64() - 0.5))
		}
	}
}

func (c check) loss(t *testing.T) {
	m := c.model(t, 6)
	b := Batch(c.spec, 6, rand.New(rand.NewPCG(3, 4)))
	k := c.spec.Outputs()
	out := make([]float32, 6*k)
	require.NoError(t, m.Predict(out, b))
	sum, total := 0.0, 0.0
	for i, w := range b.Weights {
		sum += float64(w) * models.Loss(c.spec.Task, out[i*k:(i+1)*k], b.Targets[i*k:(i+1)*k])
		total += float64(w)
	}
	got, err := m.Gradients(b)
	require.NoError(t, err)
	require.InEpsilon(t, sum/total, got, 1e-4)
}

func (c check) noise(t *testing.T) {
	m := c.model(t, 9)
	b := Batch(c.spec, 9, rand.New(rand.NewPCG(3, 4)))
	gradients := func(noise uint64) (float64, models.Params) {
		b.Noise = noise
		loss, err := m.Gradients(b)
		require.NoError(t, err)
		return loss, m.Grads().Clone()
	}
	first, grads := gradients(1)
	other, _ := gradients(1 << 40)
	require.NotEqual(t, first, other, "noise does not matter")
	again, same := gradients(1)
	require.Equal(t, first, again)
	require.True(t, grads.Equal(same), "equal noise gives other gradients")

	whole := c.spec
	whole.Dropout = 0
	plain, err := c.build().New(whole, 9)
	require.NoError(t, err)
	require.NoError(t, plain.Load(m.Params()))
	k := c.spec.Outputs()
	want, got := make([]float32, 9*k), make([]float32, 9*k)
	require.NoError(t, plain.Predict(want, b))
	require.NoError(t, m.Predict(got, b))
	require.Equal(t, want, got, "predictions leave something out")
}

func (c check) neighbours(t *testing.T) {
	m := c.model(t, 33)
	b := Batch(c.spec, 33, rand.New(rand.NewPCG(5, 6)))
	k := c.spec.Outputs()
	together := make([]float32, 33*k)
	require.NoError(t, m.Predict(together, b))
	for i := range b.Rows {
		for _, rows := range []int{1, 3} {
			if i+rows > b.Rows {
				continue
			}
			part := slice(c.spec, b, i, i+rows)
			alone := make([]float32, rows*k)
			require.NoError(t, m.Predict(alone, part))
			require.Equal(t, together[i*k:(i+rows)*k], alone, "row %d among %d", i, rows)
		}
	}
}

func slice(s models.Spec, b *models.Batch, from, to int) *models.Batch {
	n, k := len(s.Categories), s.Outputs()
	return &models.Batch{
		Rows:       to - from,
		Dense:      b.Dense[from*s.Dense : to*s.Dense],
		Categories: b.Categories[from*n : to*n],
		Targets:    b.Targets[from*k : to*k],
		Weights:    b.Weights[from:to],
		Noise:      b.Noise,
	}
}

func (c check) padding(t *testing.T) {
	b := Batch(c.spec, 12, rand.New(rand.NewPCG(7, 8)))
	part := slice(c.spec, b, 0, 5)
	exact := c.model(t, 5)
	want, err := exact.Gradients(part)
	require.NoError(t, err)

	wide := c.model(t, 12)
	_, err = wide.Gradients(b) // leaves its rows in the graph's memory
	require.NoError(t, err)
	got, err := wide.Gradients(part)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.True(t, exact.Grads().Equal(wide.Grads()), "gradients depend on the capacity")
	require.NoError(t, exact.Params().FitsGrads(exact.Grads()))

	for i := 5; i < 12; i++ {
		b.Weights[i] = 0
	}
	got, err = wide.Gradients(b)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.True(t, exact.Grads().Equal(wide.Grads()), "rows of weight zero count")
}

func (c check) noWeight(t *testing.T) {
	m := c.model(t, 4)
	b := Batch(c.spec, 4, rand.New(rand.NewPCG(9, 10)))
	_, err := m.Gradients(b)
	require.NoError(t, err)
	clear(b.Weights)
	loss, err := m.Gradients(b)
	require.NoError(t, err)
	require.Zero(t, loss)
	for _, g := range m.Grads() {
		for _, v := range g.Data {
			require.Zero(t, v, g.Name)
		}
	}
}

// determinism trains twice for 200 steps, on one thread and on two.
func (c check) determinism(t *testing.T) {
	train := func(threads int) models.Params {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		m := c.model(t, 16)
		r := rand.New(rand.NewPCG(11, 12))
		for range 200 {
			_, err := m.Gradients(Batch(c.spec, 1+r.IntN(16), r))
			require.NoError(t, err)
			grads := m.Grads().Full()
			for i, p := range m.Params() {
				for j := range p.Data {
					p.Data[j] -= float32(0.01 * grads[i].Data[j])
				}
			}
		}
		return m.Params()
	}
	one := train(1)
	require.True(t, one.Equal(train(1)), "two runs differ")
	require.True(t, one.Equal(train(2)), "the number of threads matters")
	require.False(t, one.Equal(c.model(t, 16).Params()), "nothing was learned")
}

// tables: a sparse gradient lists rows of the batch in the order in which it comes to them.
// Those of rows without weight are not among them, nor those that no gradient reaches (a
// relu may be shut for all rows that a category is in).
func (c check) tables(t *testing.T) {
	m := c.model(t, 6)
	b := Batch(c.spec, 6, rand.New(rand.NewPCG(17, 18))) // row 2 weighs nothing
	_, err := m.Gradients(b)
	require.NoError(t, err)
	var want []int32
	first := 0
	offsets := make([]int, len(c.spec.Categories))
	for j, n := range c.spec.Categories {
		if c.spec.Table == 0 {
			offsets[j] = first
			first += n
		}
		for _, bag := range c.spec.Bags {
			if j > bag.First && j < bag.First+bag.Size {
				offsets[j] = offsets[bag.First] // one table for all of a bag
				first = offsets[j] + n
			}
		}
	}
	for i, category := range b.Categories {
		if category < 0 {
			continue
		}
		j := i % len(offsets)
		if id := int32(offsets[j]) + category; b.Weights[i/len(offsets)] != 0 && !slices.Contains(want, id) {
			want = append(want, id)
		}
	}
	for _, g := range m.Grads() {
		if g.Sparse {
			next := 0
			for _, id := range g.Rows {
				for next < len(want) && want[next] != id {
					next++
				}
				require.Less(t, next, len(want), "%s lists %v of %v", g.Name, g.Rows, want)
			}
			require.NotEmpty(t, g.Rows, g.Name)
			require.Len(t, g.Data, len(g.Rows)*g.Width(), g.Name)
		} else {
			require.Nil(t, g.Rows, g.Name)
		}
	}
}

func (c check) nonFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	m := c.model(t, 4)
	out := make([]float32, 4*c.spec.Outputs())
	before := m.Params().Clone()
	for name, spoil := range map[string]func(b *models.Batch){
		"target": func(b *models.Batch) { b.Targets[0] = nan },
		"weight": func(b *models.Batch) { b.Weights[1] = inf },
		"dense": func(b *models.Batch) {
			if len(b.Dense) == 0 {
				b.Weights[0] = nan // nothing dense to spoil
				return
			}
			b.Dense[0] = inf
		},
	} {
		b := Batch(c.spec, 4, rand.New(rand.NewPCG(13, 14)))
		spoil(b)
		_, err := m.Gradients(b)
		require.ErrorIs(t, err, models.ErrNonFinite, name)
		require.True(t, before.Equal(m.Params()), name)
	}
	b := Batch(c.spec, 4, rand.New(rand.NewPCG(13, 14)))
	_, err := m.Gradients(b)
	require.NoError(t, err, "a refused batch must not spoil the next")

	last := m.Params()[len(m.Params())-1].Data
	last[0] = nan
	_, err = m.Gradients(b)
	require.ErrorIs(t, err, models.ErrNonFinite, "from the parameters")
	require.ErrorIs(t, m.Predict(out, b), models.ErrNonFinite)
}

func (c check) predictor(t *testing.T) {
	m := c.model(t, 8)
	p, err := c.build().NewPredictor(c.spec, 3)
	require.NoError(t, err)
	require.NoError(t, p.Load(m.Params()))
	b := Batch(c.spec, 3, rand.New(rand.NewPCG(15, 16)))
	want, got := make([]float32, 3*c.spec.Outputs()), make([]float32, 3*c.spec.Outputs())
	require.NoError(t, m.Predict(want, b))
	require.NoError(t, p.Predict(got, b))
	require.Equal(t, want, got)

	m.Params()[0].Data[0]++
	require.NoError(t, p.Predict(got, b))
	require.Equal(t, want, got, "a predictor shares memory with its model")
}

func (c check) json(t *testing.T) {
	text, err := json.Marshal(c.spec)
	require.NoError(t, err)
	var back models.Spec
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, c.spec, back)
	require.NoError(t, c.build().Validate(back))
}
