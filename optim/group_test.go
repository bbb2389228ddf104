package optim_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/modelstest"
	"github.com/perennial-ml/perennial/optim"
)

func grouped(groups ...optim.Group) []optim.Config {
	return []optim.Config{{SGD: &optim.SGD{LearningRate: 0.5}}, {Schedule: &optim.Schedule{Groups: groups}}}
}

func TestTheFirstGroupThatMatchesATensorGivesItsRate(t *testing.T) {
	p := models.Params{models.NewParam("hidden.0.weight", 2), models.NewParam("hidden.0.bias", 1), models.NewParam("output.bias", 1)}
	chain, err := optim.New(grouped(optim.Group{Tensors: "hidden.0.bias", Factor: 0.25}, optim.Group{Tensors: "hidden.*"}), p)
	require.NoError(t, err)
	g := p.Zeros()
	for i := range g {
		for j := range g[i].Data {
			g[i].Data[j] = 1
		}
	}
	require.NoError(t, chain.Step(g, p))
	require.Equal(t, []float32{0, 0}, p[0].Data)
	require.Equal(t, []float32{-0.125}, p[1].Data)
	require.Equal(t, []float32{-0.5}, p[2].Data, "what no group matches has the whole rate")
}

func TestALayerThatIsHeldKeepsItsBits(t *testing.T) {
	s := models.Spec{Kind: "mlp", Task: models.Binary, Dense: 6, Hidden: []int{9}}
	p := newPupil(t, s, []optim.Config{
		{AdamW: &optim.AdamW{WeightDecay: 0.5}}, {Schedule: &optim.Schedule{Groups: []optim.Group{{Tensors: "hidden.*"}}}},
	}, 1)
	before := p.Params().Clone()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		_, err := p.Learn(p.Model, modelstest.Batch(s, 4, r))
		require.NoError(t, err)
	}
	require.True(t, before[:2].Equal(p.Params()[:2]), "hidden.*")
	require.False(t, before[2:].Equal(p.Params()[2:]), "output.*")
}

func TestAGroupWithoutATensorIsRefused(t *testing.T) {
	list := grouped(optim.Group{Tensors: "*.bias", Factor: 0.5}, optim.Group{Tensors: "output.bias", Factor: 0.1})
	require.NoError(t, optim.Validate(list))
	p := models.Params{models.NewParam("output.weight", 2), models.NewParam("output.bias", 1)}
	_, err := optim.New(list, p)
	require.ErrorIs(t, err, optim.ErrConfig)
	require.ErrorContains(t, err, `schedule.groups[1].tensors is "output.bias", must match a tensor that no group before it does; there are ["output.weight" "output.bias"]`)
	require.ErrorContains(t, optim.CheckGroups(list, []string{"output.weight", "output.bias"}), "optimizer[1]: optim: invalid configuration: schedule.groups[1]")
	require.NoError(t, optim.CheckGroups(list[:1], nil))
}
