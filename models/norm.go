package models

import (
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// A Norm says how the results of a layer are brought to one scale before its activation.
type Norm string

// The norms. LayerNorm works on the hidden layer of a row, or on the channels of each pixel,
// and starts with a gain of 1 and a bias of 0.
const (
	NoNorm    Norm = ""
	LayerNorm Norm = "layer"
)

// layout lists the parameters of a norm behind a layer of a width.
func (n Norm) layout(layer string, width int) Layout {
	if n == NoNorm {
		return nil
	}
	return Layout{{layer + ".norm.gain", []int{width}}, {layer + ".norm.bias", []int{width}}}
}

// init initialises the parameters of a norm, which come first, and returns the others.
func (n Norm) init(p Params) Params {
	if n == NoNorm {
		return p
	}
	for i := range p[0].Data {
		p[0].Data[i] = 1
	}
	clear(p[1].Data)
	return p[2:]
}

// apply extends the graph by a norm, and returns the parameters behind its own.
func (n Norm) apply(x *gorgonia.Node, p gorgonia.Nodes) (*gorgonia.Node, gorgonia.Nodes, error) {
	if n == NoNorm {
		return x, p, nil
	}
	x, err := op.LayerNorm(x, p[0], p[1])
	return x, p[2:], err
}
