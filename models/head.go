package models

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// checkClassNorm holds the rules of Spec.ClassNorm that do not depend on the kind.
func (s Spec) checkClassNorm() error {
	switch {
	case s.ClassNorm == 0:
		return nil
	case !(s.ClassNorm > 0 && s.ClassNorm <= math.MaxFloat32):
		return specError("class_norm", "is %v, must be above 0 and finite", s.ClassNorm)
	case s.Task != Multiclass:
		return specError("class_norm", "is %v, must be absent for task %s", s.ClassNorm, s.Task)
	}
	return nil
}

// noClassNorm holds the rule of the kinds whose logits are no affine map of a hidden layer.
func (s Spec) noClassNorm() error {
	if s.ClassNorm != 0 {
		return specError("class_norm", "is %v, must be absent for kind %s", s.ClassNorm, s.Kind)
	}
	return nil
}

// head is the layout of the last layer over an input of a width.
func (s Spec) head(in int) Layout {
	l := Layout{{"output.weight", []int{in, s.Outputs()}}}
	if s.ClassNorm == 0 {
		l = append(l, Layout{{"output.bias", []int{s.Outputs()}}}...)
	}
	return l
}

// initHead initialises the parameters of the last layer.
func (s Spec) initHead(p Params, r *rand.Rand) {
	var bias Param
	if s.ClassNorm == 0 {
		bias = p[1]
	}
	s.Init.affine(p[0], bias, 1, r)
}

// applyHead extends a graph by the last layer.
func (s Spec) applyHead(x *gorgonia.Node, p gorgonia.Nodes) (*gorgonia.Node, error) {
	if s.ClassNorm == 0 {
		return op.Affine(x, p[0], p[1], op.Identity)
	}
	w, err := op.Directions(p[0], s.ClassNorm)
	if err != nil {
		return nil, err
	}
	return op.Affine(x, w, input(x.Graph(), "no bias", make([]float32, s.Outputs()), s.Outputs()), op.Identity)
}
