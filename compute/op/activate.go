package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/real"
)

// An Activation is applied to each element of a layer's result.
type Activation string

// The activations. The derivative at the kink of ReLU is 0. GELU is the form with tanh,
//
//	x/2 (1 + tanh(u))  =  x σ(2u),   u = sqrt(2/π) (x + 0.044715 x³)
//
// (Hendrycks and Gimpel, "Gaussian error linear units", 2016), within 5e-4 of x Φ(x).
const (
	Identity Activation = "identity"
	ReLU     Activation = "relu"
	GELU     Activation = "gelu"
	Tanh     Activation = "tanh"
	Sigmoid  Activation = "sigmoid"
)

func (a Activation) check() error {
	switch a {
	case Identity, ReLU, GELU, Tanh, Sigmoid:
		return nil
	}
	return fmt.Errorf("op: activation %q must be one of identity, relu, gelu, tanh, sigmoid", a)
}

// ofResult says that the derivative can be told from the activation's result. That of
// GELU, which falls before it rises, cannot.
func (a Activation) ofResult() bool { return a != GELU }

// Activate returns act(x), element by element, of a matrix.
func Activate(x *gorgonia.Node, act Activation) (*gorgonia.Node, error) {
	if err := act.check(); err != nil {
		return nil, err
	}
	if act == Identity {
		return x, nil
	}
	o := &activation{base: base{name: string(act), arity: 1, typ: hm.NewFnType(matrix, matrix)}, act: act}
	return gorgonia.ApplyOp(o, x)
}

type activation struct {
	base
	out output
	act Activation
}

func (o *activation) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	return s[0].Clone(), nil
}

func (o *activation) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	dst := o.out.matrix(s[0], s[1])
	copy(dst, x)
	activate(dst, o.act)
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *activation) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp: dx = dy act'(x).
func (o *activation) SymDiff(in gorgonia.Nodes, y, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	of := y
	if !o.act.ofResult() {
		of = in[0]
	}
	dx, err := gorgonia.ApplyOp(newSlope(o.act), of, dy)
	return gorgonia.Nodes{dx}, err
}

func activate(y []float32, act Activation) {
	switch act {
	case ReLU:
		for i, v := range y {
			if v < 0 {
				y[i] = 0
			}
		}
	case GELU:
		for i, v := range y {
			x := float64(v)
			y[i] = float32(x * real.Sigmoid(2*geluU(x)))
		}
	case Tanh:
		for i, v := range y {
			y[i] = float32(real.Tanh(float64(v)))
		}
	case Sigmoid:
		for i, v := range y {
			y[i] = float32(real.Sigmoid(float64(v)))
		}
	}
}

const (
	geluScale = 0.79788456080286535588 // sqrt(2/π)
	geluCube  = 0.044715
)

func geluU(x float64) float64 { return geluScale * (x + float64(geluCube*float64(x*float64(x*x)))) }

// geluSlope is σ(2u) + x σ(2u) (1-σ(2u)) 2u'.
func geluSlope(x float64) float64 {
	x = max(-16, min(x, 16)) // beyond, it is 0 or 1, and x³ may overflow
	s := real.Sigmoid(2 * geluU(x))
	d := 2 * geluScale * (1 + float64(3*geluCube*float64(x*x)))
	return s + float64(float64(x*d)*float64(s*(1-s)))
}

// slope multiplies a gradient by the derivative of an activation, taken from the
// activation's result y: [y > 0] for ReLU, 1-y² for tanh, y(1-y) for the sigmoid; or from
// its argument, for GELU.
type slope struct {
	base
	out output
	act Activation
}

func newSlope(act Activation) *slope {
	return &slope{base: base{name: "slope of " + string(act), arity: 2, typ: hm.NewFnType(matrix, matrix, matrix)}, act: act}
}

func (o *slope) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2)
	if err != nil {
		return nil, err
	}
	if !s[0].Eq(s[1]) {
		return nil, fmt.Errorf("%w: %s: layer is %v, gradient %v", ErrShape, o.name, s[0], s[1])
	}
	return s[0].Clone(), nil
}

func (o *slope) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	y, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	dy, ds, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	if !s.Eq(ds) {
		return nil, fmt.Errorf("%w: %s: layer is %v, gradient %v", ErrShape, o.name, s, ds)
	}
	dst := o.out.matrix(s[0], s[1])
	switch o.act {
	case ReLU:
		for i, v := range y {
			dst[i] = 0
			if v > 0 {
				dst[i] = dy[i]
			}
		}
	case GELU:
		for i, v := range y {
			dst[i] = dy[i] * float32(geluSlope(float64(v)))
		}
	case Sigmoid:
		for i, v := range y {
			dst[i] = dy[i] * float32(v*(1-v))
		}
	default:
		for i, v := range y {
			dst[i] = dy[i] * (1 - float32(v*v))
		}
	}
	return o.out.value, nil
}
