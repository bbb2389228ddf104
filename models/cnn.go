package models

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// CNN is a convolutional network for small images (LeCun et al., "Gradient-based learning
// applied to document recognition", 1998): for each layer of Spec.Conv a convolution, an
// activation and a pool; then what an MLP has, over what is left of the image and the
// features that are not of it: hidden layers, if there are any, and an affine map to the
// logits. Weights start as those of an MLP.
type CNN struct{}

// Layout implements Architecture.
func (CNN) Layout(s Spec) (Layout, error) {
	layers, err := s.convLayers()
	if err != nil {
		return nil, err
	}
	if err := s.notZero(); err != nil {
		return nil, err
	}
	if s.Splines != 0 {
		return nil, specError("splines", "is %d, must be absent for kind cnn, which reads an image", s.Splines)
	}
	var l Layout
	for i, c := range layers {
		name := fmt.Sprintf("conv.%d", i)
		l = append(l, Layout{
			{name + ".weight", []int{c.Size * c.Size * c.in.Channels, c.Filters}},
			{name + ".bias", []int{c.Filters}},
		}...)
		l = append(l, s.Norm.layout(name, c.Filters)...)
	}
	beside := s.Inputs() - layers[0].in.Size()
	return append(l, denseLayers.layout(s, layers[len(layers)-1].out.Size()+beside)...), nil
}

// Init implements Architecture.
func (CNN) Init(s Spec, p Params, r *rand.Rand) {
	for _, c := range s.Conv {
		size := c.WithDefaults().Size
		s.Init.hidden(p[0], p[1], size*size, s.activation(), r)
		p = s.Norm.init(p[2:])
	}
	denseLayers.init(s, p, r)
}

// Logits implements Architecture.
func (CNN) Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	layers, err := s.convLayers()
	if err != nil {
		return nil, err
	}
	pixels, inputs := layers[0].in.Size(), s.Inputs()
	x := in.Dense
	if pixels < inputs {
		if x, err = op.Columns(in.Dense, 0, pixels); err != nil {
			return nil, err
		}
	}
	for i, l := range layers {
		if x, p, err = l.apply(s, x, p); err != nil {
			return nil, fmt.Errorf("convolutional layer %d: %w", i, err)
		}
	}
	if x, err = s.leaveOut(in, x, lastImage); err != nil {
		return nil, fmt.Errorf("last image: %w", err)
	}
	if pixels < inputs {
		beside, err := op.Columns(in.Dense, pixels, inputs)
		if err != nil {
			return nil, err
		}
		if x, err = op.Concat(x, beside); err != nil {
			return nil, err
		}
	}
	return denseLayers.apply(s, in, x, p)
}

// lastImage is the dropout of the last image, beside those of the hidden layers.
const lastImage = MaxLayers

// apply extends the graph by a layer, and returns the parameters of those after it. An
// activation that never falls commutes with a maximum, and after it there are fewer elements
// to apply it to.
func (l convLayer) apply(s Spec, x *gorgonia.Node, p gorgonia.Nodes) (*gorgonia.Node, gorgonia.Nodes, error) {
	act := s.activation().op()
	late := l.Pool == MaxPool && act != op.GELU
	first, second, last := act, op.Identity, op.Identity
	switch {
	case late:
		first, last = op.Identity, act
	case s.Norm != NoNorm:
		first, second = op.Identity, act
	}
	x, err := op.Conv2D(x, p[0], p[1], l.in, l.window(), first)
	if err != nil {
		return nil, nil, err
	}
	if x, p, err = s.Norm.apply(x, p[2:]); err != nil {
		return nil, nil, err
	}
	if x, err = op.Activate(x, second); err != nil {
		return nil, nil, err
	}
	switch l.Pool {
	case MaxPool:
		x, err = op.MaxPool(x, l.mid, l.pool())
	case MeanPool:
		x, err = op.MeanPool(x, l.mid, l.pool())
	}
	if err != nil {
		return nil, nil, err
	}
	x, err = op.Activate(x, last)
	return x, p, err
}
