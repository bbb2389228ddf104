package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/modelstest"
)

// stock is a linear map made of Gorgonia's own ops, through a function of its own.
type stock struct {
	models.Linear
	through func(*gorgonia.Node) (*gorgonia.Node, error)
}

func (s stock) Logits(_ models.Spec, in models.Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	z, err := gorgonia.Mul(in.Dense, p[0])
	if err != nil {
		return nil, err
	}
	b, err := gorgonia.Reshape(p[1], []int{1, p[1].Shape()[0]})
	if err != nil {
		return nil, err
	}
	if z, err = gorgonia.BroadcastAdd(z, b, nil, []byte{0}); err != nil {
		return nil, err
	}
	return s.through(z)
}

// Architectures of users run on plans too: with kernels on one graph for all sizes, and
// where an op has none (the sine) on one for each power of two.
func TestConformanceOfGorgoniasOwnOps(t *testing.T) {
	modelstest.Run(t, func() *models.Registry {
		r := models.Default()
		require.NoError(t, r.Register("stock-tanh", stock{through: gorgonia.Tanh}))
		require.NoError(t, r.Register("stock-sine", stock{through: gorgonia.Sin}))
		return r
	},
		models.Spec{Kind: "stock-tanh", Task: models.Regression, Dense: 3},
		models.Spec{Kind: "stock-tanh", Task: models.Multiclass, Classes: 3, Dense: 4, Categories: []int{2}},
		models.Spec{Kind: "stock-sine", Task: models.Multiclass, Classes: 3, Dense: 4},
	)
}
