package models

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// MLP is a multilayer perceptron: an affine map and an activation for each hidden
// layer, and an affine map to the logits.
//
// Under relu and gelu, hidden weights start uniform in ±sqrt(6/in) (He et al., "Delving deep
// into rectifiers", 2015); under tanh and sigmoid, and in the output layer, as in Linear.
// Biases start at zero.
type MLP struct{}

// Layout implements Architecture.
func (MLP) Layout(s Spec) (Layout, error) {
	if err := s.noImage(); err != nil {
		return nil, err
	}
	return layers(s, s.Inputs())
}

// layers is the layout of hidden layers, at least one, and an output layer over an input of a
// width.
func layers(s Spec, in int) (Layout, error) {
	if len(s.Hidden) == 0 {
		return nil, specError("hidden", "is empty, must list at least one width for kind %s", s.Kind)
	}
	return head(s, in), nil
}

// head is layers where there may be no hidden one.
func head(s Spec, in int) Layout {
	var l Layout
	for i, h := range s.Hidden {
		l = append(l, Layout{
			{fmt.Sprintf("hidden.%d.weight", i), []int{in, h}},
			{fmt.Sprintf("hidden.%d.bias", i), []int{h}},
		}...)
		in = h
	}
	return append(l, Layout{
		{"output.weight", []int{in, s.Outputs()}},
		{"output.bias", []int{s.Outputs()}},
	}...)
}

// Init implements Architecture.
func (MLP) Init(s Spec, p Params, r *rand.Rand) { initLayers(s, p, r) }

// initLayers initialises the parameters of layers.
func initLayers(s Spec, p Params, r *rand.Rand) {
	for i := 0; i < len(p); i += 2 {
		if i == len(p)-2 {
			glorot(p[i], r)
		} else {
			s.activation().start(p[i], 1, r)
		}
		clear(p[i+1].Data)
	}
}

// Logits implements Architecture.
func (MLP) Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	return applyLayers(s, in.Dense, p)
}

// applyLayers is what layers compute of x.
func applyLayers(s Spec, x *gorgonia.Node, p gorgonia.Nodes) (*gorgonia.Node, error) {
	for i := 0; i < len(p)-2; i += 2 {
		var err error
		if x, err = op.Affine(x, p[i], p[i+1], s.activation().op()); err != nil {
			return nil, fmt.Errorf("hidden layer %d: %w", i/2, err)
		}
	}
	return op.Affine(x, p[len(p)-2], p[len(p)-1], op.Identity)
}
