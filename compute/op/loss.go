package op

import (
	"fmt"
	"math"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/real"
)

// A rowLoss is the loss of one row, from its logits z and target t, with its
// derivative.
type rowLoss interface {
	name() string
	loss(z, t []float32) float64
	// slope writes scale times the derivative by z to dz.
	slope(dz, z, t []float32, scale float64)
	rowKernel
}

// SigmoidCrossEntropy is the weighted mean over the rows of
//
//	softplus(z) - t z  =  -t log σ(z) - (1-t) log(1-σ(z))
//
// with logits z and targets t in [0, 1], both rows×1, and weights of rows elements.
// The mean divides by the sum of the weights and is 0 if that is 0. The result is a
// float64 scalar.
func SigmoidCrossEntropy(logits, targets, weights *gorgonia.Node) (*gorgonia.Node, error) {
	return applyLoss(sigmoidCE{}, logits, targets, weights)
}

// SoftmaxCrossEntropy is the weighted mean over the rows of
//
//	Σ_c t_c (logsumexp(z) - z_c)
//
// with logits z and target distributions t, both rows×classes; otherwise it is as
// SigmoidCrossEntropy.
func SoftmaxCrossEntropy(logits, targets, weights *gorgonia.Node) (*gorgonia.Node, error) {
	return applyLoss(softmaxCE{}, logits, targets, weights)
}

// SquaredError is the weighted mean over the rows of Σ (z-t)², without a factor of
// one half; otherwise it is as SigmoidCrossEntropy.
func SquaredError(values, targets, weights *gorgonia.Node) (*gorgonia.Node, error) {
	return applyLoss(squared{}, values, targets, weights)
}

// HuberError is the weighted mean over the rows of Σ h(z-t), with
//
//	h(d) = d²/2 for |d| <= delta, else delta (|d| - delta/2)
//
// (Huber, "Robust estimation of a location parameter", 1964); delta is above 0. Otherwise it
// is as SquaredError: a delta beyond all errors gives half of that.
func HuberError(values, targets, weights *gorgonia.Node, delta float64) (*gorgonia.Node, error) {
	if !(delta > 0) || math.IsInf(delta, 0) {
		return nil, fmt.Errorf("op: delta of a Huber error is %v, must be above 0 and finite", delta)
	}
	return applyLoss(huber{delta}, values, targets, weights)
}

func applyLoss(r rowLoss, logits, targets, weights *gorgonia.Node) (*gorgonia.Node, error) {
	o := &meanLoss{
		out:  gorgonia.NewF64(0),
		base: base{name: r.name(), arity: 3, typ: hm.NewFnType(matrix, matrix, vector, tensor.Float64)},
		row:  r,
	}
	return gorgonia.ApplyOp(o, logits, targets, weights)
}

type meanLoss struct {
	base
	out *gorgonia.F64
	row rowLoss
}

func (o *meanLoss) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2, 1)
	if err != nil {
		return nil, err
	}
	return tensor.ScalarShape(), fitLoss(o.name, s[0], s[1], s[2])
}

func fitLoss(name string, z, t, w tensor.Shape) error {
	if !z.Eq(t) || z[0] != w[0] {
		return fmt.Errorf("%w: %s of logits %v, targets %v and weights %v", ErrShape, name, z, t, w)
	}
	return nil
}

// lossInputs are the three inputs that a loss and its gradient share.
type lossInputs struct {
	z, t, w []float32
	columns int
	total   float64 // sum of the weights
}

func readLoss(name string, in []gorgonia.Value) (l lossInputs, err error) {
	var zs, ts, ws tensor.Shape
	if l.z, zs, err = dense(name, in[0], 2); err != nil {
		return l, err
	}
	if l.t, ts, err = dense(name, in[1], 2); err != nil {
		return l, err
	}
	if l.w, ws, err = dense(name, in[2], 1); err != nil {
		return l, err
	}
	for _, w := range l.w {
		l.total += float64(w)
	}
	l.columns = zs[1]
	return l, fitLoss(name, zs, ts, ws)
}

func (l *lossInputs) row(s []float32, i int) []float32 { return s[i*l.columns : (i+1)*l.columns] }

func (o *meanLoss) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	l, err := readLoss(o.name, in)
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for i, w := range l.w {
		if w != 0 {
			sum += float64(float64(w) * o.row.loss(l.row(l.z, i), l.row(l.t, i)))
		}
	}
	if l.total != 0 {
		sum /= l.total
	}
	*o.out = gorgonia.F64(sum)
	return o.out, nil
}

// DiffWRT implements gorgonia.SDOp: a loss is differentiated by its logits alone.
func (o *meanLoss) DiffWRT(int) []bool { return []bool{true, false, false} }

// SymDiff implements gorgonia.SDOp.
func (o *meanLoss) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	d := &lossSlope{
		base: base{
			name:  "slope of " + o.row.name(),
			arity: 4,
			typ:   hm.NewFnType(matrix, matrix, vector, scalar, matrix),
		},
		row: o.row,
	}
	dz, err := gorgonia.ApplyOp(d, in[0], in[1], in[2], grad)
	if err != nil {
		return nil, err
	}
	return gorgonia.Nodes{dz, nil, nil}, nil
}

// lossSlope is the gradient of a meanLoss by its logits, times the gradient of what
// the loss goes into. Rows of weight zero have a gradient of zero.
type lossSlope struct {
	base
	out output
	row rowLoss
}

func (o *lossSlope) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2, 1, 0)
	if err != nil {
		return nil, err
	}
	return s[0].Clone(), fitLoss(o.name, s[0], s[1], s[2])
}

func (o *lossSlope) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	l, err := readLoss(o.name, in)
	if err != nil {
		return nil, err
	}
	up, ok := in[3].(*gorgonia.F64)
	if !ok {
		return nil, fmt.Errorf("%w: %s: gradient is %T, must be a float64 scalar", ErrShape, o.name, in[3])
	}
	dst := o.out.matrix(len(l.w), l.columns)
	clear(dst)
	for i, w := range l.w {
		if w != 0 {
			o.row.slope(l.row(dst, i), l.row(l.z, i), l.row(l.t, i), float64(float64(*up)*float64(w))/l.total)
		}
	}
	return o.out.value, nil
}

type sigmoidCE struct{}

func (sigmoidCE) name() string { return "sigmoid cross-entropy" }

func (sigmoidCE) loss(z, t []float32) float64 {
	sum := 0.0
	for j, v := range z {
		sum += real.Softplus(float64(v)) - float64(float64(t[j])*float64(v))
	}
	return sum
}

func (sigmoidCE) slope(dz, z, t []float32, scale float64) {
	for j, v := range z {
		dz[j] = float32(scale * (real.Sigmoid(float64(v)) - float64(t[j])))
	}
}

type softmaxCE struct{}

func (softmaxCE) name() string { return "softmax cross-entropy" }

// norm returns the largest logit and log Σ exp(z - largest).
func (softmaxCE) norm(z []float32) (top, rest float64) {
	top = math.Inf(-1)
	for _, v := range z {
		top = max(top, float64(v)) // max keeps a NaN
	}
	sum := 0.0
	for _, v := range z {
		sum += real.Exp(float64(v) - top)
	}
	return top, real.Log(sum)
}

func (s softmaxCE) loss(z, t []float32) float64 {
	top, rest := s.norm(z)
	sum := 0.0
	for j, v := range z {
		if t[j] != 0 {
			sum += float64(float64(t[j]) * (rest - (float64(v) - top)))
		}
	}
	return sum
}

// slope is mass(t) softmax(z) - t; the mass of a distribution is 1 but for rounding.
func (s softmaxCE) slope(dz, z, t []float32, scale float64) {
	top, rest := s.norm(z)
	mass := 0.0
	for _, v := range t {
		mass += float64(v)
	}
	for j, v := range z {
		p := real.Exp(float64(v) - top - rest)
		dz[j] = float32(scale * (float64(mass*p) - float64(t[j])))
	}
}

type squared struct{}

func (squared) name() string { return "squared error" }

func (squared) loss(z, t []float32) float64 {
	sum := 0.0
	for j, v := range z {
		d := float64(v) - float64(t[j])
		sum += float64(d * d)
	}
	return sum
}

func (squared) slope(dz, z, t []float32, scale float64) {
	for j, v := range z {
		dz[j] = float32(2 * scale * (float64(v) - float64(t[j])))
	}
}

type huber struct{ delta float64 }

func (h huber) name() string { return fmt.Sprintf("huber error of %v", h.delta) }

func (h huber) loss(z, t []float32) float64 {
	sum := 0.0
	for j, v := range z {
		d := math.Abs(float64(v) - float64(t[j]))
		if d > h.delta {
			sum += float64(h.delta * (d - h.delta/2))
			continue
		}
		sum += float64(d*d) / 2
	}
	return sum
}

func (h huber) slope(dz, z, t []float32, scale float64) {
	for j, v := range z {
		dz[j] = float32(scale * max(-h.delta, min(float64(v)-float64(t[j]), h.delta)))
	}
}
