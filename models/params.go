package models

import (
	"fmt"
	"math"
	"slices"
)

// A Param is one named tensor of float32 in row-major order.
type Param struct {
	Name  string
	Shape []int
	Data  []float32
}

// NewParam returns a tensor of zeros.
func NewParam(name string, shape ...int) Param {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return Param{Name: name, Shape: shape, Data: make([]float32, n)}
}

// Params lists a model's tensors in the order that its architecture declares.
// Gradients, steps and optimizer moments use the same order and shapes.
type Params []Param

// Clone returns a copy that shares no memory.
func (p Params) Clone() Params {
	out := make(Params, len(p))
	for i, t := range p {
		out[i] = Param{Name: t.Name, Shape: slices.Clone(t.Shape), Data: slices.Clone(t.Data)}
	}
	return out
}

// Zeros returns tensors of zeros with the same names and shapes.
func (p Params) Zeros() Params {
	out := make(Params, len(p))
	for i, t := range p {
		out[i] = Param{Name: t.Name, Shape: slices.Clone(t.Shape), Data: make([]float32, len(t.Data))}
	}
	return out
}

// CopyFrom overwrites every value of p with that of src. It returns ErrParams, and
// copies nothing, if names, shapes or their order differ.
func (p Params) CopyFrom(src Params) error {
	if err := p.Fits(src); err != nil {
		return err
	}
	for i := range p {
		copy(p[i].Data, src[i].Data)
	}
	return nil
}

// Fits returns ErrParams, with the first difference, unless q lists the same names and
// shapes in the same order.
func (p Params) Fits(q Params) error {
	if len(p) != len(q) {
		return fmt.Errorf("%w: %d tensors, must be %d", ErrParams, len(q), len(p))
	}
	for i, t := range p {
		o := q[i]
		if t.Name != o.Name || !slices.Equal(t.Shape, o.Shape) || len(t.Data) != len(o.Data) {
			return fmt.Errorf("%w: tensor %d is %s %v of %d values, must be %s %v of %d values",
				ErrParams, i, o.Name, o.Shape, len(o.Data), t.Name, t.Shape, len(t.Data))
		}
	}
	return nil
}

// Equal reports whether q fits p and holds the same bits: NaNs may be equal, and 0 and
// -0 are not.
func (p Params) Equal(q Params) bool {
	if p.Fits(q) != nil {
		return false
	}
	for i := range p {
		if !sameBits(p[i].Data, q[i].Data) {
			return false
		}
	}
	return true
}

func sameBits(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i, v := range a {
		if math.Float32bits(v) != math.Float32bits(b[i]) {
			return false
		}
	}
	return true
}

// Count returns the number of values in all tensors.
func (p Params) Count() int {
	n := 0
	for _, t := range p {
		n += len(t.Data)
	}
	return n
}

// Finite reports whether there is no NaN and no infinity.
func (p Params) Finite() bool {
	for _, t := range p {
		if !Finite(t.Data) {
			return false
		}
	}
	return true
}

// Finite reports whether s holds no NaN and no infinity: the exponents whose bits are all
// set, once the sign is shifted out.
func Finite(s []float32) bool {
	for _, v := range s {
		if math.Float32bits(v)<<1 >= 0xff<<24 {
			return false
		}
	}
	return true
}
