package op

import (
	"fmt"
	"math"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// NormEpsilon is added to the variance in LayerNorm.
const NormEpsilon = 1e-5

// LayerNorm returns gain (x - μ)/sqrt(σ² + ε) + bias, where μ and σ² are the mean and the
// variance over as many elements as gain and bias have (Ba, Kiros and Hinton, "Layer
// normalization", 2016): over a row of x, or over one group after the other where a row is
// longer, such as the channels of each pixel of an image. A row of the result depends on
// that row of x alone, bit for bit.
func LayerNorm(x, gain, bias *gorgonia.Node) (*gorgonia.Node, error) {
	o := &layerNorm{base: base{name: "layer norm", arity: 3, typ: hm.NewFnType(matrix, vector, vector, matrix)}}
	return gorgonia.ApplyOp(o, x, gain, bias)
}

// fitNorm returns an error unless rows of x are made of groups of d.
func fitNorm(op string, x tensor.Shape, d int) error {
	if d < 1 || x[1]%d != 0 {
		return fmt.Errorf("%w: %s of rows of %d elements, must be a multiple of %d", ErrShape, op, x[1], d)
	}
	return nil
}

// moments returns the mean of a group, and 1/sqrt(σ² + ε).
func moments(x []float32) (mean, inv float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	square := 0.0
	for _, v := range x {
		d := float64(v) - mean
		square += float64(d * d)
	}
	return mean, 1 / math.Sqrt(square/float64(len(x))+NormEpsilon)
}

type layerNorm struct {
	base
	out output
}

func (o *layerNorm) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 1, 1)
	if err != nil {
		return nil, err
	}
	return s[0].Clone(), o.fit(s[0], s[1], s[2])
}

func (o *layerNorm) fit(x, gain, bias tensor.Shape) error {
	if !gain.Eq(bias) {
		return fmt.Errorf("%w: %s with gain %v and bias %v", ErrShape, o.name, gain, bias)
	}
	return fitNorm(o.name, x, gain[0])
}

func (o *layerNorm) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, xs, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	gain, gs, err := dense(o.name, in[1], 1)
	if err != nil {
		return nil, err
	}
	bias, bs, err := dense(o.name, in[2], 1)
	if err != nil {
		return nil, err
	}
	if err := o.fit(xs, gs, bs); err != nil {
		return nil, err
	}
	dst, d := o.out.matrix(xs[0], xs[1]), gs[0]
	for at := 0; at < len(x); at += d {
		mean, inv := moments(x[at : at+d])
		for i, v := range x[at : at+d] {
			dst[at+i] = float32(float64(float64(gain[i])*float64((float64(v)-mean)*inv)) + float64(bias[i]))
		}
	}
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *layerNorm) DiffWRT(int) []bool { return []bool{true, true, true} }

// SymDiff implements gorgonia.SDOp. With x̂ = (x - μ)/sqrt(σ² + ε) and g = dy gain,
//
//	dx = (g - mean(g) - x̂ mean(g x̂)) / sqrt(σ² + ε)    dgain = Σ dy x̂    dbias = Σ dy
func (o *layerNorm) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	d := in[1].Shape()[0]
	dx, err := gorgonia.ApplyOp(&normSlope{
		base: base{name: "slope of layer norm", arity: 3, typ: hm.NewFnType(matrix, matrix, vector, matrix)},
	}, dy, in[0], in[1])
	if err != nil {
		return nil, err
	}
	dgain, err := gorgonia.ApplyOp(&normGain{
		base: base{name: fmt.Sprintf("gain of layer norm over %d", d), arity: 2, typ: hm.NewFnType(matrix, matrix, vector)}, d: d,
	}, dy, in[0])
	if err != nil {
		return nil, err
	}
	dbias, err := gorgonia.ApplyOp(newChannelSum(d), dy)
	return gorgonia.Nodes{dx, dgain, dbias}, err
}

// normSlope is the gradient of a LayerNorm by x, from that of its result, x and gain.
type normSlope struct {
	base
	out output
}

func (o *normSlope) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2, 1)
	if err != nil {
		return nil, err
	}
	return s[1].Clone(), o.fit(s[0], s[1], s[2])
}

func (o *normSlope) fit(dy, x, gain tensor.Shape) error {
	if !dy.Eq(x) {
		return fmt.Errorf("%w: %s: result is %v, gradient %v", ErrShape, o.name, x, dy)
	}
	return fitNorm(o.name, x, gain[0])
}

func (o *normSlope) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	dy, ys, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	x, xs, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	gain, gs, err := dense(o.name, in[2], 1)
	if err != nil {
		return nil, err
	}
	if err := o.fit(ys, xs, gs); err != nil {
		return nil, err
	}
	dst, d := o.out.matrix(xs[0], xs[1]), gs[0]
	for at := 0; at < len(x); at += d {
		mean, inv := moments(x[at : at+d])
		sum, along := 0.0, 0.0
		for i, v := range dy[at : at+d] {
			g := float64(v) * float64(gain[i])
			sum += g
			along += float64(g * float64((float64(x[at+i])-mean)*inv))
		}
		sum, along = sum/float64(d), along/float64(d)
		for i, v := range dy[at : at+d] {
			g := float64(float64(v)*float64(gain[i])) - sum
			dst[at+i] = float32(inv * (g - float64(along*float64((float64(x[at+i])-mean)*inv))))
		}
	}
	return o.out.value, nil
}

// normGain is the gradient of a LayerNorm by its gain, from that of its result and x.
type normGain struct {
	base
	out output
	d   int
}

func (o *normGain) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{o.d}, o.fit(s[0], s[1])
}

func (o *normGain) fit(dy, x tensor.Shape) error {
	if !dy.Eq(x) {
		return fmt.Errorf("%w: %s: result is %v, gradient %v", ErrShape, o.name, x, dy)
	}
	return fitNorm(o.name, x, o.d)
}

func (o *normGain) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	dy, ys, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	x, xs, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	if err := o.fit(ys, xs); err != nil {
		return nil, err
	}
	dst := o.out.vector(o.d)
	clear(dst)
	for at := 0; at < len(x); at += o.d {
		mean, inv := moments(x[at : at+o.d])
		for i, v := range dy[at : at+o.d] {
			dst[i] += float32(float64(v) * float64((float64(x[at+i])-mean)*inv))
		}
	}
	return o.out.value, nil
}
