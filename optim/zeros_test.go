package optim_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/modelstest"
)

// Portable kernels multiply everything out, and gradients that are taken before the step are whole;
// otherwise inputs and units that are 0 are passed over, and rows of a gradient that are alike
// computed once.
func TestTrainingOnZerosHasTheBitsOfMultiplyingThemOut(t *testing.T) {
	steps := 1000
	if testing.Short() {
		steps = 60
	}
	s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 100, Categories: []int{9}, Hidden: []int{48, 24}}
	for _, name := range []string{"sgd", "momentum", "adamw", "adagrad", "ftrl", "guards"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := stepped()[name]
			quick, twice, whole := newPupil(t, s, list, 1), newPupil(t, s, list, 2), newPupil(t, s, list, 1)
			require.NoError(t, whole.Model.Use(compute.Settings{Kernels: "portable"}))
			require.NoError(t, whole.Pipeline.Use(compute.Settings{Kernels: "portable"}))
			r := rand.New(rand.NewPCG(13, 14))
			for step := range steps {
				b := modelstest.Batch(s, []int{1, 10, 20, 3}[step%4], r)
				blank(b.Dense, s.Dense, step, r)
				if step%8 > 4 { // a background that is not 0
					for i, v := range b.Dense {
						if v == 0 {
							b.Dense[i] = -0.42
						}
					}
				}
				want, err := whole.Gradients(b)
				require.NoError(t, err)
				require.NoError(t, whole.Step(whole.Grads(), whole.Params()))
				for _, p := range []pupil{quick, twice} {
					got, err := p.Learn(p.Model, b)
					require.NoError(t, err)
					require.Equal(t, want, got, "loss of step %d", step)
					require.True(t, whole.Params().Equal(p.Params()), "parameters after step %d", step)
				}
			}
			require.True(t, whole.state().Tensors.Equal(quick.state().Tensors))
		})
	}
}

// blank makes most of rows 0 or -0: here and there, a range of columns, or a whole row.
func blank(rows []float32, width, step int, r *rand.Rand) {
	from, to := r.IntN(width), r.IntN(width+1)
	for i := range rows {
		column := i % width
		if step%3 == 0 && r.IntN(5) > 0 || step%3 == 1 && (column < from || column >= to) || step%17 == 0 && i < width {
			rows[i] = float32(math.Copysign(0, float64(r.IntN(3)-1)))
		}
	}
}
