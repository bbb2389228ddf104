package models_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

// Of a uniform distribution over ±bound the variance is bound²/3.
func TestInitialWeightsFillTheBoundsOfThePapers(t *testing.T) {
	mlp := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 40, Dense: 200, Hidden: []int{300}}
	filters := models.Spec{
		Kind: "cnn", Task: models.Multiclass, Classes: 40, Dense: 8 * 8 * 4, Image: &models.Image{Height: 8, Width: 8, Channels: 4},
		Conv: []models.Conv{{Filters: 100}}, // 36 inputs of a filter, 4·4·100 features behind the pool
	}
	linear := models.Spec{Kind: "linear", Task: models.Multiclass, Classes: 40, Dense: 200}
	tables := models.Spec{
		Kind: "wide_and_deep", Task: models.Multiclass, Classes: 40, Dense: 136, Categories: []int{500, 500},
		Embedding: 32, Hidden: []int{300}, // 200 inputs of the hidden layer
	}
	for _, tc := range []struct {
		name       string
		spec       models.Spec
		init       models.Init
		activation string
		squares    map[string]float64 // of the bounds; of a parameter that is not here 0
	}{
		{"mlp as it is", mlp, "", "", map[string]float64{"hidden.0.weight": 6. / 200, "output.weight": 6. / 340}},
		{"mlp he", mlp, models.He, "gelu", map[string]float64{"hidden.0.weight": 6. / 200, "output.weight": 6. / 340}},
		{"mlp he tanh", mlp, models.He, "tanh", map[string]float64{"hidden.0.weight": 6. / 500, "output.weight": 6. / 340}},
		{"mlp glorot", mlp, models.Glorot, "", map[string]float64{"hidden.0.weight": 6. / 500, "output.weight": 6. / 340}},
		{"mlp uniform_fan_in", mlp, models.UniformFanIn, "", map[string]float64{
			"hidden.0.weight": 1. / 200, "hidden.0.bias": 1. / 200, "output.weight": 1. / 300, "output.bias": 1. / 300,
		}},
		{"cnn he", filters, "", "", map[string]float64{"conv.0.weight": 6. / 36, "output.weight": 6. / 1640}},
		{"cnn glorot", filters, models.Glorot, "", map[string]float64{"conv.0.weight": 6. / 936, "output.weight": 6. / 1640}},
		{"cnn uniform_fan_in", filters, models.UniformFanIn, "", map[string]float64{
			"conv.0.weight": 1. / 36, "conv.0.bias": 1. / 36, "output.weight": 1. / 1600, "output.bias": 1. / 1600,
		}},
		{"linear he", linear, models.He, "", map[string]float64{"output.weight": 6. / 240}},
		{"linear glorot", linear, models.Glorot, "", map[string]float64{"output.weight": 6. / 240}},
		{"linear uniform_fan_in", linear, models.UniformFanIn, "", map[string]float64{"output.weight": 1. / 200, "output.bias": 1. / 200}},
		{"linear zero", linear, models.Zero, "", nil},
		{"wide_and_deep uniform_fan_in", tables, models.UniformFanIn, "", map[string]float64{
			"embedding.weight": 0.05 * 0.05, "deep.0.weight": 1. / 200, "deep.0.bias": 1. / 200,
			"output.weight": 1. / 300, "output.bias": 1. / 300,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.spec.Init, tc.spec.Activation = tc.init, tc.activation
			for _, p := range newModel(t, tc.spec, 1, 3).Params() {
				bound := math.Sqrt(tc.squares[p.Name])
				most, mean, square := 0.0, 0.0, 0.0
				for _, v := range p.Data {
					most = max(most, math.Abs(float64(v)))
					mean += float64(v) / float64(len(p.Data))
					square += float64(v) * float64(v) / float64(len(p.Data))
				}
				require.LessOrEqual(t, most, bound*(1+1e-6), p.Name)
				if bound == 0 {
					continue
				}
				// Five standard errors of the mean of n uniform values, and of their squares.
				n := math.Sqrt(float64(len(p.Data)))
				require.InDelta(t, 0, mean, 5*bound/math.Sqrt(3)/n, p.Name)
				require.InEpsilon(t, bound*bound/3, square, 5*math.Sqrt(0.8)/n, p.Name)
				require.Greater(t, most, bound*(1-20/float64(len(p.Data))), p.Name)
			}
		})
	}
}

// A learner that a log rebuilds starts from these bits: they are part of the format of a
// state.
func TestTheBitsThatModelsStartFromStayThoseOfTheirLogs(t *testing.T) {
	for name, tc := range map[string]struct {
		want string
		spec models.Spec
	}{
		"mlp": {"4a7b641db196246e", models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 4, Hidden: []int{7, 5}}},
		"tanh": {"bb284e3d53dfc930", models.Spec{
			Kind: "mlp", Task: models.Binary, Dense: 4, Hidden: []int{7}, Activation: "tanh", Norm: "layer",
		}},
		"linear": {"fdeff29aefc7bc5e", models.Spec{Kind: "linear", Task: models.Regression, Dense: 3, Categories: []int{4}}},
		"cnn": {"00656caa75ad680b", models.Spec{
			Kind: "cnn", Task: models.Binary, Dense: 36, Image: &models.Image{Height: 6, Width: 6},
			Conv: []models.Conv{{Filters: 3}}, Hidden: []int{4},
		}},
		"deepfm": {"9cb7961d5b57d585", models.Spec{
			Kind: "deepfm", Task: models.Binary, Dense: 2, Categories: []int{5, 4}, Embedding: 3, Hidden: []int{6},
		}},
		"sparse_linear": {"66687aadf862bd77", models.Spec{Kind: "sparse_linear", Task: models.Binary, Dense: 2, Categories: []int{5}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newModel(t, tc.spec, 1, 3).Params()
			h := sha256.New()
			for _, q := range p {
				require.NoError(t, binary.Write(h, binary.LittleEndian, q.Data))
			}
			require.Equal(t, tc.want, hex.EncodeToString(h.Sum(nil)[:8]))
			text, err := json.Marshal(tc.spec)
			require.NoError(t, err)
			require.NotContains(t, string(text), "init", "digests of specs that name none stay as they are")

			named := tc.spec
			if named.Init = models.He; named.Kind == "sparse_linear" {
				named.Init = models.Zero
			}
			require.True(t, p.Equal(newModel(t, named, 1, 3).Params()), "%s is what an absent init is", named.Init)
		})
	}
}

func TestAHeadThatGrowsGainsColumnsOfZeroUnderEveryInit(t *testing.T) {
	for _, init := range []models.Init{"", models.Glorot, models.UniformFanIn} {
		s := growing("mlp")
		s.Init = init
		narrow := newModel(t, s, 1, 5)
		wide, params, err := models.Grow(s, narrow.Params(), 6)
		require.NoError(t, err)
		require.Equal(t, init, wide.Init)
		require.True(t, wide.GrewFrom(s, 6))
		for i, p := range params {
			old := narrow.Params()[i]
			if !slices.Equal(p.Shape, old.Shape) {
				from, to := old.Shape[len(old.Shape)-1], p.Shape[len(p.Shape)-1]
				require.Equal(t, 6, to)
				for row := range len(old.Data) / from {
					require.Equal(t, old.Data[row*from:(row+1)*from], p.Data[row*to:row*to+from])
					require.Zero(t, slices.Max(p.Data[row*to+from:(row+1)*to]))
					require.Zero(t, slices.Min(p.Data[row*to+from:(row+1)*to]))
				}
			}
		}
	}
	other := growing("mlp")
	other.Init = models.Glorot
	require.False(t, growing("mlp").GrewFrom(other, 6), "another init is another model")
}

func TestAStepAllocatesNothingWhateverItStartedFrom(t *testing.T) {
	s := small()
	s.Init = models.UniformFanIn
	m := newModel(t, s, 8, 1)
	b := randomBatch(s, 5, rand.New(rand.NewPCG(1, 2)))
	require.Zero(t, testing.AllocsPerRun(50, func() {
		if _, err := m.Gradients(b); err != nil {
			t.Error(err)
		}
	}))
}
