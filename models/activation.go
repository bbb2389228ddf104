package models

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/compute/op"
)

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

// start fills the weights of a layer that the activation follows, area pixels of inputs
// each by outputs: with variance 2/in before one that is 0 on half of what it sees, and
// 2/(in+out) before the others.
func (a activation) start(w Param, area int, r *rand.Rand) {
	if a.op() == op.ReLU || a.op() == op.GELU {
		uniform(w.Data, 6/float64(w.Shape[0]), r)
		return
	}
	uniform(w.Data, 6/float64(w.Shape[0]+area*w.Shape[1]), r)
}
