package models

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
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
	return layers(s, s.Inputs())
}

// layers is the layout of hidden layers, at least one, and an output layer over an input of a
// width.
func layers(s Spec, in int) (Layout, error) {
	if len(s.Hidden) == 0 {
		return nil, specError("hidden", "is empty, must list at least one width for kind %s", s.Kind)
	}
	if err := s.notZero(); err != nil {
		return nil, err
	}
	return perceptron(s, in), nil
}

// perceptron is layers where there may be no hidden one.
func perceptron(s Spec, in int) Layout {
	var l Layout
	for i, h := range s.Hidden {
		name := fmt.Sprintf("hidden.%d", i)
		l = append(l, Layout{{name + ".weight", []int{in, h}}, {name + ".bias", []int{h}}}...)
		l = append(l, s.Norm.layout(name, h)...)
		in = h
	}
	return append(l, s.head(in)...)
}

// Init implements Architecture.
func (MLP) Init(s Spec, p Params, r *rand.Rand) { initLayers(s, p, r) }

// initLayers initialises the parameters of layers.
func initLayers(s Spec, p Params, r *rand.Rand) {
	for range s.Hidden {
		s.Init.hidden(p[0], p[1], 1, s.activation(), r)
		p = s.Norm.init(p[2:])
	}
	s.initHead(p, r)
}

// Logits implements Architecture.
func (MLP) Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	return applyLayers(s, in, in.Dense, p)
}

// applyLayers is what layers compute of x.
func applyLayers(s Spec, in Inputs, x *gorgonia.Node, p gorgonia.Nodes) (*gorgonia.Node, error) {
	for i := range s.Hidden {
		var err error
		if x, p, err = s.hidden(in, x, p, uint32(i)); err != nil {
			return nil, fmt.Errorf("hidden layer %d: %w", i, err)
		}
	}
	return s.applyHead(x, p)
}

// hidden extends the graph by a layer, and returns the parameters of those after it.
func (s Spec) hidden(in Inputs, x *gorgonia.Node, p gorgonia.Nodes, layer uint32) (*gorgonia.Node, gorgonia.Nodes, error) {
	act := s.activation().op()
	first := act
	if s.Norm != NoNorm {
		first = op.Identity
	}
	x, err := op.Affine(x, p[0], p[1], first)
	if err != nil {
		return nil, nil, err
	}
	p = p[2:]
	if s.Norm != NoNorm {
		if x, p, err = s.Norm.apply(x, p); err != nil {
			return nil, nil, err
		}
		if x, err = op.Activate(x, act); err != nil {
			return nil, nil, err
		}
	}
	x, err = s.leaveOut(in, x, layer)
	return x, p, err
}

// leaveOut extends a graph for training by a dropout.
func (s Spec) leaveOut(in Inputs, x *gorgonia.Node, layer uint32) (*gorgonia.Node, error) {
	if in.Noise == nil {
		return x, nil
	}
	return op.Dropout(x, in.Noise, s.Dropout, layer)
}
