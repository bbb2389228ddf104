package models

import "github.com/perennial-ml/perennial/compute/op"

// An activation is what follows the layers of a spec: one of op's, by its name there.
type activation string

const activations = "relu, gelu, tanh, sigmoid"

func (s Spec) activation() activation {
	if s.Activation == "" {
		return "relu"
	}
	return activation(s.Activation)
}

func (a activation) known() bool {
	switch a.op() {
	case op.ReLU, op.GELU, op.Tanh, op.Sigmoid:
		return true
	}
	return false
}

func (a activation) op() op.Activation { return op.Activation(a) }
