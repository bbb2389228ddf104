package models

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// CNN is a convolutional network for small images (LeCun et al., "Gradient-based learning
// applied to document recognition", 1998): for each layer of Spec.Conv a convolution, an
// activation and a pool; then what an MLP has: hidden layers, if there are any, and an
// affine map to the logits. Weights start as those of an MLP.
type CNN struct{}

// Layout implements Architecture.
func (CNN) Layout(s Spec) (Layout, error) {
	layers, err := s.convLayers()
	if err != nil {
		return nil, err
	}
	if n := layers[0].in.Size(); n != s.Dense || len(s.Categories) > 0 {
		return nil, specError("image", "has %d elements, must be all of the %d inputs", n, s.Inputs())
	}
	var l Layout
	for i, c := range layers {
		l = append(l, Layout{
			{fmt.Sprintf("conv.%d.weight", i), []int{c.Size * c.Size * c.in.Channels, c.Filters}},
			{fmt.Sprintf("conv.%d.bias", i), []int{c.Filters}},
		}...)
	}
	return append(l, head(s, layers[len(layers)-1].out.Size())...), nil
}

// Init implements Architecture.
func (CNN) Init(s Spec, p Params, r *rand.Rand) {
	for i, c := range s.Conv {
		area := c.WithDefaults().Size * c.WithDefaults().Size
		s.activation().start(p[2*i], area, r)
		clear(p[2*i+1].Data)
	}
	initLayers(s, p[2*len(s.Conv):], r)
}

// Logits implements Architecture.
func (CNN) Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	layers, err := s.convLayers()
	if err != nil {
		return nil, err
	}
	x, act := in.Dense, s.activation().op()
	for i, l := range layers {
		if x, err = l.apply(x, p[2*i], p[2*i+1], act); err != nil {
			return nil, fmt.Errorf("convolutional layer %d: %w", i, err)
		}
	}
	return applyLayers(s, x, p[2*len(layers):])
}

// apply extends the graph by a layer. An activation that never falls commutes with a
// maximum, and after it there are fewer elements to apply it to.
func (l convLayer) apply(x, w, b *gorgonia.Node, act op.Activation) (*gorgonia.Node, error) {
	late := l.Pool == MaxPool && act != op.GELU
	first := act
	if late {
		first = op.Identity
	}
	x, err := op.Conv2D(x, w, b, l.in, l.window(), first)
	if err != nil {
		return nil, err
	}
	switch l.Pool {
	case MaxPool:
		x, err = op.MaxPool(x, l.mid, l.pool())
	case MeanPool:
		x, err = op.MeanPool(x, l.mid, l.pool())
	}
	if err != nil || !late {
		return x, err
	}
	return op.Activate(x, act)
}
