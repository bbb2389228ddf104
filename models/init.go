package models

import (
	"math"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/compute/op"
)

// An Init says how the weights of layers start. With in and out the numbers of inputs and
// outputs of a layer's elements (of a filter in is size·size·channels, out size·size·filters),
// each weight is drawn uniformly from ±bound:
//
//	                 bound before relu, gelu   bound elsewhere    biases
//	he               sqrt(6/in)                sqrt(6/(in+out))   0
//	glorot           sqrt(6/(in+out))          sqrt(6/(in+out))   0
//	uniform_fan_in   1/sqrt(in)                1/sqrt(in)         uniform in ±1/sqrt(in)
//	zero             0                         0                  0
//
// The first is of He et al., "Delving deep into rectifiers", 2015, the second of Glorot and
// Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
// whose equation 1 is the third. That is what PyTorch's Linear and Conv2d start with: its
// kaiming_uniform_ with a = sqrt(5) has the bound sqrt(6/((1+a²) in)).
//
// Norms and tables start as they do under every Init.
type Init string

// The inits. An absent one is He but for SparseLinear, which starts at zero.
const (
	He           Init = "he"
	Glorot       Init = "glorot"
	UniformFanIn Init = "uniform_fan_in"
	Zero         Init = "zero"
)

const inits = "he, glorot, uniform_fan_in, zero"

func (i Init) known() bool {
	switch i {
	case "", He, Glorot, UniformFanIn, Zero:
		return true
	}
	return false
}

// notZero holds the rule of the kinds with hidden layers.
func (s Spec) notZero() error {
	if s.Init == Zero {
		return specError("init", "is zero, must be he, glorot or uniform_fan_in for kind %s: the units of a hidden layer that start equal stay equal", s.Kind)
	}
	return nil
}

// hidden fills weights and biases of a layer that an activation follows; area is the number
// of pixels that a filter covers, 1 for a layer that is none.
func (i Init) hidden(w, b Param, area int, a activation, r *rand.Rand) {
	if rectifies := a.op() == op.ReLU || a.op() == op.GELU; rectifies && (i == "" || i == He) {
		uniform(w.Data, 6/float64(w.Shape[0]), r)
		clear(b.Data)
		return
	}
	i.affine(w, b, area, r)
}

// affine fills weights and biases of a layer that no rectifier follows; b is empty if it has
// none.
func (i Init) affine(w, b Param, area int, r *rand.Rand) {
	in, out := w.Shape[0], area*w.Shape[1]
	switch i {
	case UniformFanIn:
		uniform(w.Data, 1/float64(in), r)
		uniform(b.Data, 1/float64(in), r)
		return
	case Zero:
		clear(w.Data)
	default:
		uniform(w.Data, 6/float64(in+out), r)
	}
	clear(b.Data)
}

// uniform fills dst uniformly from ±sqrt(square).
func uniform(dst []float32, square float64, r *rand.Rand) {
	bound := math.Sqrt(square)
	for i := range dst {
		dst[i] = float32(bound * (2*r.Float64() - 1))
	}
}
