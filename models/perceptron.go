package models

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// A perceptron is hidden layers and an output layer.
type perceptron struct {
	name   string // of hidden layers
	byUnit bool   // their weights are out×in, see op.Linear
}

var (
	denseLayers = perceptron{name: "hidden"}
	// Over embeddings no input is 0, and a step for one row is the product of the inputs with the
	// slopes of the units that are not.
	deepLayers = perceptron{name: "deep", byUnit: true}
)

// some is layout where there must be a hidden layer.
func (l perceptron) some(s Spec, in int) (Layout, error) {
	if len(s.Hidden) == 0 {
		return nil, specError("hidden", "is empty, must list at least one width for kind %s", s.Kind)
	}
	if err := s.notZero(); err != nil {
		return nil, err
	}
	return l.layout(s, in), nil
}

// layout lists the parameters over an input of a width.
func (l perceptron) layout(s Spec, in int) Layout {
	var all Layout
	for i, out := range s.Hidden {
		name, shape := fmt.Sprintf("%s.%d", l.name, i), []int{in, out}
		if l.byUnit {
			shape = []int{out, in}
		}
		all = append(all, Layout{{name + ".weight", shape}, {name + ".bias", []int{out}}}...)
		all = append(all, s.Norm.layout(name, out)...)
		in = out
	}
	return append(all, s.head(in)...)
}

// init initialises the parameters.
func (l perceptron) init(s Spec, p Params, r *rand.Rand) {
	for range s.Hidden {
		w := p[0]
		if l.byUnit { // bounds follow the numbers of inputs and outputs
			w.Shape = []int{w.Shape[1], w.Shape[0]}
		}
		s.Init.hidden(w, p[1], 1, s.activation(), r)
		p = s.Norm.init(p[2:])
	}
	s.initHead(p, r)
}

// apply extends the graph by all layers over x.
func (l perceptron) apply(s Spec, in Inputs, x *gorgonia.Node, p gorgonia.Nodes) (*gorgonia.Node, error) {
	for i := range s.Hidden {
		var err error
		if x, p, err = l.hidden(s, in, x, p, uint32(i)); err != nil {
			return nil, fmt.Errorf("hidden layer %d: %w", i, err)
		}
	}
	return s.applyHead(x, p)
}

// hidden extends the graph by a layer, and returns the parameters of those after it.
func (l perceptron) hidden(s Spec, in Inputs, x *gorgonia.Node, p gorgonia.Nodes, layer uint32) (*gorgonia.Node, gorgonia.Nodes, error) {
	act := s.activation().op()
	first := act
	if s.Norm != NoNorm {
		first = op.Identity
	}
	affine := op.Affine
	if l.byUnit {
		affine = op.Linear
	}
	x, err := affine(x, p[0], p[1], first)
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
