package models

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// Linear is one affine map from the input to the logits: logistic regression (binary),
// softmax regression (multiclass), linear regression.
//
// Weights start as Spec.Init says: for lack of a rectifier, he and glorot are the same.
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
func (Linear) Init(s Spec, p Params, r *rand.Rand) { s.Init.affine(p[0], p[1], 1, r) }

// Logits implements Architecture.
func (Linear) Logits(_ Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	return op.Affine(in.Dense, p[0], p[1], op.Identity)
}
