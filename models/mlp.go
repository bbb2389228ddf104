package models

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"
)

// MLP is a multilayer perceptron: an affine map and an activation for each hidden
// layer, and an affine map to the logits, whose weights Spec.ClassNorm may hold at one length.
//
// Weights start as Spec.Init says.
type MLP struct{}

// Layout implements Architecture.
func (MLP) Layout(s Spec) (Layout, error) {
	if err := s.noImage(); err != nil {
		return nil, err
	}
	return denseLayers.some(s, s.Inputs())
}

// Init implements Architecture.
func (MLP) Init(s Spec, p Params, r *rand.Rand) { denseLayers.init(s, p, r) }

// Logits implements Architecture.
func (MLP) Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	return denseLayers.apply(s, in, in.Dense, p)
}
