package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// FactorPairs is the interaction of a factorization machine: for each row of x,
// rows×(fields dim), the sum over all pairs of fields of the inner products of their
// vectors, rows×1. It takes O(fields dim) (Rendle, "Factorization machines", 2010, lemma
// 3.1):
//
//	Σ_{f<g} ⟨x_f, x_g⟩ = (‖Σ_f x_f‖² - Σ_f ‖x_f‖²) / 2
func FactorPairs(x *gorgonia.Node, dim int) (*gorgonia.Node, error) {
	if dim < 1 {
		return nil, fmt.Errorf("op: factors of %d elements, must be at least 1", dim)
	}
	o := &factorPairs{dim: dim, base: base{
		name: fmt.Sprintf("factor pairs of %d", dim), arity: 1, typ: hm.NewFnType(matrix, matrix),
	}}
	return gorgonia.ApplyOp(o, x)
}

type factorPairs struct {
	base
	out output
	dim int
}

func (o *factorPairs) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	if s[0][1]%o.dim != 0 {
		return nil, fmt.Errorf("%w: %s of %v", ErrShape, o.name, s[0])
	}
	return tensor.Shape{s[0][0], 1}, nil
}

func (o *factorPairs) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	dst := o.out.matrix(s[0], 1)
	for i := range dst {
		row := x[i*s[1] : (i+1)*s[1]]
		twice := 0.0
		for d := range o.dim {
			sum := 0.0
			for at := d; at < len(row); at += o.dim {
				v := float64(row[at])
				sum += v
				twice -= float64(v * v)
			}
			twice += float64(sum * sum)
		}
		dst[i] = float32(twice / 2)
	}
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *factorPairs) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp: dx_f = dy (Σ_g x_g - x_f).
func (o *factorPairs) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	d := &factorPairsSlope{dim: o.dim, base: base{
		name: "slope of " + o.name, arity: 2, typ: hm.NewFnType(matrix, matrix, matrix),
	}}
	dx, err := gorgonia.ApplyOp(d, in[0], dy)
	return gorgonia.Nodes{dx}, err
}

type factorPairsSlope struct {
	base
	out output
	dim int
}

func (o *factorPairsSlope) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2)
	if err != nil {
		return nil, err
	}
	if s[0][1]%o.dim != 0 || s[1][0] != s[0][0] || s[1][1] != 1 {
		return nil, fmt.Errorf("%w: %s of %v and %v", ErrShape, o.name, s[0], s[1])
	}
	return s[0].Clone(), nil
}

func (o *factorPairsSlope) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	dy, _, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	dst := o.out.matrix(s[0], s[1])
	for i := range s[0] {
		row, to := x[i*s[1]:(i+1)*s[1]], dst[i*s[1]:(i+1)*s[1]]
		for d := range o.dim {
			sum := 0.0
			for at := d; at < len(row); at += o.dim {
				sum += float64(row[at])
			}
			for at := d; at < len(row); at += o.dim {
				to[at] = float32(float64(dy[i]) * (sum - float64(row[at])))
			}
		}
	}
	return o.out.value, nil
}
