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
	// Sparse marks a table of which a batch touches few rows, so that its gradients and
	// steps are lists of rows (see docs/adr/0012).
	Sparse bool
	// Rows is set in a gradient or step of a sparse tensor alone: Data is then
	// len(Rows)×Width, its row i belongs to row Rows[i] of the tensor, no row occurs twice,
	// and all others are zero.
	Rows []int32
}

// String shows name, shape and values, and the rows of those of a sparse gradient.
func (t Param) String() string {
	if t.Rows != nil {
		return fmt.Sprintf("{%s %v rows %v %v}", t.Name, t.Shape, t.Rows, t.Data)
	}
	return fmt.Sprintf("{%s %v %v}", t.Name, t.Shape, t.Data)
}

// Width returns the number of values of a leading row.
func (t Param) Width() int {
	n := 1
	for _, d := range t.Shape[min(1, len(t.Shape)):] {
		n *= d
	}
	return n
}

// Size returns the number of values of the whole tensor.
func (t Param) Size() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
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
		out[i] = Param{
			Name: t.Name, Shape: slices.Clone(t.Shape), Data: slices.Clone(t.Data),
			Sparse: t.Sparse, Rows: slices.Clone(t.Rows),
		}
	}
	return out
}

// Zeros returns tensors of zeros with the same names and shapes, sparse ones in full.
func (p Params) Zeros() Params {
	out := make(Params, len(p))
	for i, t := range p {
		out[i] = Param{Name: t.Name, Shape: slices.Clone(t.Shape), Sparse: t.Sparse}
		if t.Sparse {
			out[i].Data = newTable(t.Size())
		} else {
			out[i].Data = make([]float32, t.Size())
		}
	}
	return out
}

// Outline returns the names and shapes of p without data, to hold others against by Fits
// and FitsGrads.
func (p Params) Outline() Params {
	out := make(Params, len(p))
	for i, t := range p {
		out[i] = Param{Name: t.Name, Shape: slices.Clone(t.Shape), Sparse: t.Sparse}
	}
	return out
}

// ZeroGrads returns gradients of zero: like Zeros, but sparse ones list no rows.
func (p Params) ZeroGrads() Params {
	out := p.Outline()
	for i := range out {
		if !out[i].Sparse {
			out[i].Data = make([]float32, out[i].Size())
		}
	}
	return out
}

// Full returns a copy of gradients in which sparse ones are written out in full.
func (p Params) Full() Params {
	out := p.Zeros()
	for i, t := range p {
		if !t.Sparse {
			copy(out[i].Data, t.Data)
			continue
		}
		w := t.Width()
		for k, r := range t.Rows {
			copy(out[i].Data[int(r)*w:][:w], t.Data[k*w:])
		}
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
		if t.Name != o.Name || !slices.Equal(t.Shape, o.Shape) || t.Size() != len(o.Data) {
			return fmt.Errorf("%w: tensor %d is %s %v of %d values, must be %s %v of %d values",
				ErrParams, i, o.Name, o.Shape, len(o.Data), t.Name, t.Shape, t.Size())
		}
	}
	return nil
}

// FitsGrads returns ErrParams, with the first difference, unless g are gradients of p: the
// same names and shapes in the same order, and of sparse tensors rows that exist.
func (p Params) FitsGrads(g Params) error {
	if len(p) != len(g) {
		return fmt.Errorf("%w: %d tensors, must be %d", ErrParams, len(g), len(p))
	}
	for i := range p {
		t, o := &p[i], &g[i]
		want := t.Size()
		if t.Sparse {
			want = len(o.Rows) * t.Width()
		}
		if t.Name != o.Name || !slices.Equal(t.Shape, o.Shape) || len(o.Data) != want {
			return fmt.Errorf("%w: gradient %d is %s %v of %d values, must be %s %v of %d values",
				ErrParams, i, o.Name, o.Shape, len(o.Data), t.Name, t.Shape, want)
		}
		for _, r := range o.Rows {
			if !t.Sparse || uint(r) >= uint(t.Shape[0]) {
				return fmt.Errorf("%w: gradient of %s %v lists row %d", ErrParams, t.Name, t.Shape, r)
			}
		}
	}
	return nil
}

// Equal reports whether q has the names, shapes and rows of p and holds the same bits: NaNs
// may be equal, and 0 and -0 are not.
func (p Params) Equal(q Params) bool {
	if len(p) != len(q) {
		return false
	}
	for i, t := range p {
		o := q[i]
		if t.Name != o.Name || !slices.Equal(t.Shape, o.Shape) || !slices.Equal(t.Rows, o.Rows) || !sameBits(t.Data, o.Data) {
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
