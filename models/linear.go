package models

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// Linear is one affine map from the input to the logits: logistic regression (binary),
// softmax regression (multiclass), linear regression.
//
// Weights start uniform in ±sqrt(6/(in+out)), biases at zero (Glorot and Bengio,
// "Understanding the difficulty of training deep feedforward neural networks", 2010).
type Linear struct{}

// Layout implements Architecture.
func (Linear) Layout(s Spec) (Layout, error) {
	if err := s.noLayers(); err != nil {
		return nil, err
	}
	return Layout{
		{"output.weight", []int{s.Inputs(), s.Outputs()}},
		{"output.bias", []int{s.Outputs()}},
	}, nil
}

// Init implements Architecture.
func (Linear) Init(_ Spec, p Params, r *rand.Rand) {
	glorot(p[0], r)
	clear(p[1].Data)
}

// Logits implements Architecture.
func (Linear) Logits(_ Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	return op.Affine(in.Dense, p[0], p[1], op.Identity)
}

// glorot fills w (in×out) uniformly with variance 2/(in+out).
func glorot(w Param, r *rand.Rand) { uniform(w.Data, 6/float64(w.Shape[0]+w.Shape[1]), r) }

func uniform(dst []float32, square float64, r *rand.Rand) {
	bound := math.Sqrt(square)
	for i := range dst {
		dst[i] = float32(bound * (2*r.Float64() - 1))
	}
}
