package models_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
	"github.com/perennial-ml/perennial/models"
)

func deep() models.Spec {
	return models.Spec{
		Kind: "deepfm", Task: models.Binary, Categories: []int{1 << 20, 1 << 20}, Table: 1 << 20, Embedding: 16, Hidden: []int{8},
	}
}

func TestSpecValidateNamesFieldAndRule(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*models.Spec)
		want   string
	}{
		{"kind", func(s *models.Spec) { s.Kind = "forest" }, `kind is "forest", must be one of cnn, deepfm, linear, mlp, sparse_linear, wide_and_deep`},
		{"task", func(s *models.Spec) { s.Task = "ranking" }, `task is "ranking"`},
		{"classes for binary", func(s *models.Spec) { s.Classes = 2 }, "classes is 2, must be absent"},
		{"one class", func(s *models.Spec) { s.Task, s.Classes = models.Multiclass, 1 }, "classes is 1, must be between 2"},
		{"negative width", func(s *models.Spec) { s.Dense = -1 }, "dense is -1"},
		{"no input", func(s *models.Spec) { s.Dense = 0 }, "dense is 0, must be at least 1 without categories"},
		{"empty category", func(s *models.Spec) { s.Categories = []int{3, 0} }, "categories[1] is 0, must be between 1 and"},
		{"wide one-hot", func(s *models.Spec) { s.Categories = []int{1 << 15, 1 << 15} }, "categories[1] widens the one-hot input beyond 65536 columns"},
		{"overflowing one-hot", func(s *models.Spec) { s.Categories = []int{math.MaxInt, math.MaxInt} }, "categories[0] is 9223372036854775807"},
		{"embedding beside one-hot", func(s *models.Spec) { s.Embedding = 4 }, "embedding is 4, must be absent for kind mlp"},
		{"table beside one-hot", func(s *models.Spec) { s.Table = 4 }, "table is 4, must be absent for kind mlp"},
		{"bags of a kind without tables", func(s *models.Spec) { s.Categories, s.Bags = []int{3, 3}, []models.Bag{{Size: 2}} }, "bags lists 1 features of several values, must be absent for kind mlp"},
		{"bag beyond the categories", func(s *models.Spec) { *s = deep(); s.Bags = []models.Bag{{First: 1, Size: 2}} }, "bags[0].size is 2, must be between 1 and 1"},
		{"bag of nothing", func(s *models.Spec) { *s = deep(); s.Bags = []models.Bag{{First: 1}} }, "bags[0].size is 0"},
		{"bags out of order", func(s *models.Spec) { *s = deep(); s.Bags = []models.Bag{{First: 1, Size: 1}, {First: 0, Size: 1}} }, "bags[1].first is 0, must be between 2 and 1"},
		{"bag of unequal categories", func(s *models.Spec) { *s = deep(); s.Categories[1] = 9; s.Bags = []models.Bag{{Size: 2}} }, "categories[1] is 9, must be 1048576 as in all of bags[0]"},
		{"no category to look up", func(s *models.Spec) { *s = deep(); s.Categories, s.Dense = nil, 1 }, "categories is empty, must list at least one for kind deepfm"},
		{"no embedding", func(s *models.Spec) { *s = deep(); s.Embedding = 0 }, "embedding is absent, must be between 1 and 4096"},
		{"wide embedding", func(s *models.Spec) { *s = deep(); s.Embedding = 1 << 13 }, "embedding is 8192, must be between 1 and 4096"},
		{"more buckets than rows", func(s *models.Spec) { *s = deep(); s.Categories[1] = 1<<20 + 1 }, "categories[1] is 1048577, must be at most the 1048576 rows of the table"},
		{"large shared table", func(s *models.Spec) { *s = deep(); s.Table = 1 << 25 }, "table makes embedding.weight too large"},
		{"large tables", func(s *models.Spec) { *s = deep(); s.Table = 0; s.Categories = []int{1 << 24, 1 << 24} }, "categories makes embedding.weight too large"},
		{"classes of deepfm", func(s *models.Spec) { *s = deep(); s.Task, s.Classes = models.Multiclass, 3 }, "task is multiclass, must be binary or regression for kind deepfm"},
		{"sparse linear with layers", func(s *models.Spec) { *s = deep(); s.Kind = "sparse_linear" }, "hidden has 1 layers, must be absent"},
		{"sparse linear with an embedding", func(s *models.Spec) { *s = deep(); s.Kind, s.Hidden = "sparse_linear", nil }, "embedding is 16, must be absent"},
		{"no layer", func(s *models.Spec) { s.Hidden = nil }, "hidden is empty"},
		{"empty layer", func(s *models.Spec) { s.Hidden = []int{4, 0} }, "hidden[1] is 0"},
		{"too many values", func(s *models.Spec) { s.Hidden = []int{1 << 16, 1 << 16} }, "at most"},
		{"init", func(s *models.Spec) { s.Init = "normal" }, `init is "normal", must be one of he, glorot, uniform_fan_in, zero`},
		{"hidden layers of zeros", func(s *models.Spec) { s.Init = models.Zero }, "init is zero, must be he, glorot or uniform_fan_in for kind mlp: the units of a hidden layer that start equal stay equal"},
		{"hidden layers of zeros over tables", func(s *models.Spec) { *s = deep(); s.Init = models.Zero }, "init is zero, must be he, glorot or uniform_fan_in for kind deepfm"},
		{"sparse linear from random weights", func(s *models.Spec) {
			*s = deep()
			s.Kind, s.Hidden, s.Embedding, s.Init = "sparse_linear", nil, 0, models.Glorot
		}, "init is glorot, must be absent or zero for kind sparse_linear"},
		{"two splines", func(s *models.Spec) { s.Splines = 2 }, "splines is 2, must be absent or between 3 and 64"},
		{"negative splines", func(s *models.Spec) { s.Splines = -1 }, "splines is -1, must be absent or between 3 and 64"},
		{"many splines", func(s *models.Spec) { s.Splines = 65 }, "splines is 65, must be absent or between 3 and 64"},
		{"splines of nothing", func(s *models.Spec) { s.Dense, s.Categories, s.Splines = 0, []int{3}, 9 }, "splines is 9, must be absent without dense inputs"},
		{"wide splines", func(s *models.Spec) { s.Dense, s.Splines = 1<<13, 8 }, "splines widens the 8192 dense inputs to 73728 columns, must be at most 65536"},
		{"splines and one-hot too wide together", func(s *models.Spec) { s.Splines, s.Categories = 9, []int{1<<16 - 100} }, "categories[0] widens the one-hot input beyond 65536 columns"},
		{"norm", func(s *models.Spec) { s.Norm = "batch" }, `norm is "batch", must be absent or layer`},
		{"class norm below zero", func(s *models.Spec) { s.ClassNorm = -1 }, "class_norm is -1, must be above 0 and finite"},
		{"class norm without an end", func(s *models.Spec) { s.ClassNorm = math.Inf(1) }, "class_norm is +Inf, must be above 0 and finite"},
		{"class norm without classes", func(s *models.Spec) { s.Task, s.Classes, s.ClassNorm = models.Binary, 0, 1 }, "class_norm is 1, must be absent for task binary"},
		{"class norm of a linear model", func(s *models.Spec) {
			s.Kind, s.Hidden, s.Task, s.Classes, s.ClassNorm = "linear", nil, models.Multiclass, 3, 1
		}, "class_norm is 1, must be absent for kind linear"},
		{"class norm over tables", func(s *models.Spec) {
			*s = deep()
			s.Kind, s.Task, s.Classes, s.ClassNorm = "wide_and_deep", models.Multiclass, 3, 1
		}, "class_norm is 1, must be absent for kind wide_and_deep"},
		{"dropout of all", func(s *models.Spec) { s.Dropout = 1 }, "dropout is 1, must be at least 0 and below 1"},
		{"dropout of a linear model", func(s *models.Spec) { s.Kind, s.Hidden, s.Dropout = "linear", nil, 0.5 }, "dropout is 0.5, must be absent for kind linear"},
		{"activation", func(s *models.Spec) { s.Activation = "swish" }, `activation is "swish", must be one of relu, gelu, tanh, sigmoid`},
		{"linear with layers", func(s *models.Spec) { s.Kind = "linear" }, "hidden has 2 layers, must be absent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := small()
			require.NoError(t, s.Validate())
			tc.change(&s)
			err := s.Validate()
			require.ErrorIs(t, err, models.ErrSpec)
			require.ErrorContains(t, err, tc.want)
			_, err = models.New(s, 4)
			require.ErrorIs(t, err, models.ErrSpec)
		})
	}
	_, err := models.New(small(), 0)
	require.ErrorContains(t, err, "capacity is 0")
}

func TestSpecValidateNamesWhatIsWrongWithAnImage(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*models.Spec)
		want   string
	}{
		{"no image", func(s *models.Spec) { s.Image = nil }, "image is missing, must say height and width"},
		{"flat image", func(s *models.Spec) { s.Image.Height = 0 }, "image.height is 0, must be between 1"},
		{"larger image", func(s *models.Spec) { s.Image.Width = 7 }, "image has 6 x 7 x 2 elements, must be at most the 72 dense inputs"},
		{"overflowing image", func(s *models.Spec) { s.Image.Height, s.Image.Width = 1<<16, 1<<16 }, "must be at most the 72 dense inputs"},
		{"no layer", func(s *models.Spec) { s.Conv = nil }, "conv is empty, must list at least one layer"},
		{"no filter", func(s *models.Spec) { s.Conv[1].Filters = 0 }, "conv[1].filters is 0, must be between 1"},
		{"filter beyond the image", func(s *models.Spec) { s.Conv[1] = models.Conv{Filters: 1, Size: 4, Padding: "none"} }, "conv[1].size is 4, which does not fit on an image of 3x3x4"},
		{"even size with padding", func(s *models.Spec) { s.Conv[0].Size = 2 }, "conv[0].size is 2, must be odd for padding same"},
		{"negative stride", func(s *models.Spec) { s.Conv[0].Stride = -1 }, "conv[0].stride is -1"},
		{"padding", func(s *models.Spec) { s.Conv[0].Padding = "full" }, `conv[0].padding is "full", must be same or none`},
		{"pool", func(s *models.Spec) { s.Conv[0].Pool = "sum" }, `conv[0].pool is "sum", must be max, mean or none`},
		{"pool beyond the image", func(s *models.Spec) { s.Conv[1].PoolSize = 4 }, "conv[1].pool_size is 4, which does not fit on an image of 3x3x4"},
		{"size of no pool", func(s *models.Spec) { s.Conv[0].Pool, s.Conv[0].PoolSize = "none", 2 }, "conv[0].pool_size is 2, must be absent without a pool"},
		{"too many elements", func(s *models.Spec) { s.Conv[0].Filters = 1 << 16 }, "conv[0].filters is 65536, which makes images of 6x6x65536"},
		{"too many values", func(s *models.Spec) {
			s.Conv = []models.Conv{{Filters: 29_000, Size: 5, Pool: "none"}, {Filters: 29_000, Size: 5}}
		}, "conv makes conv.1.weight too large"},
		{"splines of pixels", func(s *models.Spec) { s.Splines = 9 }, "splines is 9, must be absent for kind cnn"},
		{"filters of zeros", func(s *models.Spec) { s.Init = models.Zero }, "init is zero, must be he, glorot or uniform_fan_in for kind cnn"},
		{"image for an mlp", func(s *models.Spec) { s.Kind, s.Hidden, s.Conv = "mlp", []int{3}, nil }, "image is set, must be absent for kind mlp"},
		{"layers for a linear model", func(s *models.Spec) { s.Kind, s.Image = "linear", nil }, "conv has 2 layers, must be absent for kind linear"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := models.Spec{
				Kind: "cnn", Task: models.Binary, Dense: 72, Image: &models.Image{Height: 6, Width: 6, Channels: 2},
				Conv: []models.Conv{{Filters: 4}, {Filters: 4}},
			}
			require.NoError(t, s.Validate())
			tc.change(&s)
			err := s.Validate()
			require.ErrorIs(t, err, models.ErrSpec)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestBatchesThatBreakARuleAreRefused(t *testing.T) {
	s := models.Spec{Kind: "linear", Task: models.Multiclass, Classes: 3, Dense: 2, Categories: []int{4}}
	looked := s
	looked.Kind = "sparse_linear"
	for _, tc := range []struct {
		name   string
		change func(*models.Batch)
		want   string
	}{
		{"no rows", func(b *models.Batch) { b.Rows = 0 }, "Rows is 0, must be between 1 and 4"},
		{"too many rows", func(b *models.Batch) { b.Rows = 5 }, "Rows is 5"},
		{"short dense", func(b *models.Batch) { b.Dense = b.Dense[1:] }, "Dense has 7 values, must be 4 rows of 2"},
		{"short categories", func(b *models.Batch) { b.Categories = nil }, "Categories has 0 values"},
		{"category outside", func(b *models.Batch) { b.Categories[2] = 4 }, "Categories[2] is 4, must be between 0 and 3"},
		{"negative category", func(b *models.Batch) { b.Categories[0] = -1 }, "Categories[0] is -1"},
		{"short targets", func(b *models.Batch) { b.Targets = b.Targets[1:] }, "Targets has 11 values"},
		{"no distribution", func(b *models.Batch) { copy(b.Targets, []float32{1, 1, 0}) }, "Targets of row 0 sum to 2"},
		{"negative target", func(b *models.Batch) { copy(b.Targets, []float32{-0.5, 1, 0.5}) }, "Targets[0] is -0.5"},
		{"short weights", func(b *models.Batch) { b.Weights = b.Weights[1:] }, "Weights has 3 values"},
		{"negative weight", func(b *models.Batch) { b.Weights[3] = -1 }, "Weights[3] is -1, must not be negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, s := range []models.Spec{s, looked} {
				m := newModel(t, s, 4, 1)
				b := randomBatch(s, 4, rand.New(rand.NewPCG(1, 2)))
				tc.change(b)
				_, err := m.Gradients(b)
				require.ErrorIs(t, err, models.ErrBatch)
				require.ErrorContains(t, err, tc.want)
			}
		})
	}
	m := newModel(t, s, 4, 1)
	b := randomBatch(s, 2, rand.New(rand.NewPCG(1, 2)))
	require.ErrorIs(t, m.Predict(make([]float32, 5), b), models.ErrBatch)
	require.ErrorIs(t, m.Warm(5), models.ErrBatch)
	require.NoError(t, m.Warm(4))
}

func TestParams(t *testing.T) {
	p := models.Params{models.NewParam("a", 2, 2), models.NewParam("b", 3)}
	require.Equal(t, 7, p.Count())
	q := p.Clone()
	q[1].Data[0] = 5
	require.False(t, p.Equal(q))
	require.NoError(t, p.CopyFrom(q))
	require.True(t, p.Equal(q))
	q[1].Data[0] = float32(math.Copysign(0, -1))
	p[1].Data[0] = 0
	require.False(t, p.Equal(q), "0 and -0 are other bits")
	q[0].Shape = []int{4, 1}
	require.ErrorIs(t, p.CopyFrom(q), models.ErrParams)
	require.ErrorContains(t, p.CopyFrom(q), "tensor 0 is a [4 1]")
	require.True(t, p.Finite())
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		p[1].Data[2] = float32(bad)
		require.False(t, p.Finite())
	}
	p[1].Data[1], p[1].Data[2] = math.MaxFloat32, math.MaxFloat32
	require.True(t, p.Finite(), "large values are finite, whatever their sum")
}

func TestPredictorLoadsWholeOrNotAtAll(t *testing.T) {
	p, err := models.NewPredictor(small(), 1)
	require.NoError(t, err)
	before := p.Params().Clone()
	other := p.Params().Clone()
	other[0].Data[0], other[5].Data[0] = 1, float32(math.Inf(1))
	require.ErrorIs(t, p.Load(other), models.ErrNonFinite)
	require.ErrorIs(t, p.Load(other[:1]), models.ErrParams)
	require.ErrorIs(t, p.Update(other.Freeze(), nil), models.ErrNonFinite)
	require.ErrorIs(t, p.Update(other[:1].Freeze(), nil), models.ErrParams)
	require.True(t, before.Equal(p.Params()))
	other[5].Data[0] = 2
	require.NoError(t, p.Update(other.Freeze(), nil))
	require.True(t, other.Equal(p.Params()))
}

func TestAStepAndAPredictionAllocateNothing(t *testing.T) {
	for _, splines := range []int{0, 9} {
		s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 4, Categories: []int{5}, Hidden: []int{8}, Splines: splines}
		m := newModel(t, s, 8, 1)
		b := randomBatch(s, 5, rand.New(rand.NewPCG(1, 2)))
		out := make([]float32, 5*3)
		require.Zero(t, testing.AllocsPerRun(50, func() {
			if _, err := m.Gradients(b); err != nil {
				t.Error(err)
			}
			if err := m.Predict(out, b); err != nil {
				t.Error(err)
			}
		}), "%d splines", splines)
	}
}

func TestLossIsClamped(t *testing.T) {
	require.InDelta(t, math.Ln2, models.Loss(models.Binary, []float32{0.5}, []float32{1}), 1e-12)
	require.InDelta(t, -math.Log(1e-7), models.Loss(models.Binary, []float32{0}, []float32{1}), 1e-9)
	require.InDelta(t, -math.Log(1e-7), models.Loss(models.Binary, []float32{1}, []float32{0}), 1e-6)
	require.InDelta(t, -math.Log(1e-7), models.Loss(models.Multiclass, []float32{1, 0}, []float32{0, 1}), 1e-9)
	require.InDelta(t, -0.25*math.Log(0.2)-0.75*math.Log(0.8), models.Loss(models.Multiclass, []float32{0.2, 0.8}, []float32{0.25, 0.75}), 1e-7)
	require.Equal(t, 4.0, models.Loss(models.Regression, []float32{3}, []float32{1}))
	require.True(t, math.IsNaN(models.Loss(models.Binary, []float32{float32(math.NaN())}, []float32{1})))
}

// A registered kind may reuse the ops of compute/op: here a linear map through tanh.
type squashed struct{ models.Linear }

func (squashed) Logits(_ models.Spec, in models.Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	return op.Affine(in.Dense, p[0], p[1], op.Tanh)
}

func TestRegistryTakesNewKinds(t *testing.T) {
	r := models.Default()
	require.NoError(t, r.Register("squashed", squashed{}))
	require.Error(t, r.Register("squashed", squashed{}), "taken")
	require.Error(t, r.Register("", squashed{}))
	require.Contains(t, r.Kinds(), "squashed")
	require.NotContains(t, models.Default().Kinds(), "squashed", "registries are separate")

	m, err := r.New(models.Spec{Kind: "squashed", Task: models.Regression, Dense: 1}, 1)
	require.NoError(t, err)
	m.Params()[0].Data[0] = 100
	out := []float32{0}
	require.NoError(t, m.Predict(out, &models.Batch{Rows: 1, Dense: []float32{3}}))
	require.Equal(t, []float32{1}, out)
}

// Whatever a spec from a file says, validating it neither panics nor allocates its size.
func FuzzSpecValidate(f *testing.F) {
	for _, s := range []models.Spec{small(), {Kind: "linear", Task: models.Multiclass, Classes: 3, Categories: []int{7}}} {
		text, err := json.Marshal(s)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"kind":"cnn","task":"binary","dense":784,"image":{"height":28,"width":28},"conv":[{"filters":8},{"filters":9,"stride":2,"pool":"none"}]}`))
	f.Add([]byte(`{"kind":"mlp","task":"binary","dense":9223372036854775807,"hidden":[65536,65536,65536]}`))
	f.Add([]byte(`{"kind":"linear","task":"binary","dense":65536,"splines":64}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s models.Spec
		if json.Unmarshal(text, &s) != nil || s.Validate() != nil {
			return
		}
		if s.Kind == "linear" || s.Kind == "mlp" {
			require.LessOrEqual(t, s.Inputs(), models.MaxInputs)
		} else {
			require.LessOrEqual(t, s.Rows(), models.MaxValues)
		}
		require.GreaterOrEqual(t, s.Outputs(), 1)
	})
}

func Example() {
	m, err := models.New(models.Spec{Kind: "linear", Task: models.Binary, Dense: 1}, 4)
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Init(rand.New(rand.NewPCG(1, 2)))
	batch := &models.Batch{
		Rows:    4,
		Dense:   []float32{-2, -1, 1, 2},
		Targets: []float32{0, 0, 1, 1},
		Weights: []float32{1, 1, 1, 1},
	}
	for range 300 {
		if _, err := m.Gradients(batch); err != nil {
			fmt.Println(err)
			return
		}
		for i, p := range m.Params() {
			for j := range p.Data {
				p.Data[j] -= m.Grads()[i].Data[j]
			}
		}
	}
	p := make([]float32, 4)
	if err := m.Predict(p, batch); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%.2f\n", p)
	// Output: [0.00 0.01 0.99 1.00]
}
