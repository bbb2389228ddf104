package optim_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

func TestAForeseenStepIsTheNextOneAndIsNotTaken(t *testing.T) {
	for name, list := range stepped() {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			p := models.Params{models.NewParam("w", 19, 3), models.NewParam("b", 3)}
			noise(p, r, 1)
			chain, err := optim.New(list, p)
			require.NoError(t, err)
			for range 20 {
				g := p.Zeros()
				noise(g, r, 1)
				before, params := chain.State(), p.Clone()
				seen := g.Clone()
				require.NoError(t, chain.Foresee(seen, p))
				require.True(t, params.Equal(p), "parameters")
				require.True(t, before.Tensors.Equal(chain.State().Tensors), "moments")
				require.Equal(t, before.Counters, chain.State().Counters)
				optim.Apply(params, seen)
				require.NoError(t, chain.Step(g, p))
				require.True(t, params.Equal(p), "the step that was foreseen")
			}
		})
	}
}
