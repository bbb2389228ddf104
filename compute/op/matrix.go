package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// The products below use gonum's own Sgemm, named as a type: blas32's implementation is
// a process-wide setting that another package may change, and with it the bits. They
// use it in the two forms that add a multiple of a row to a row. The third form, A Bᵀ,
// takes dot products, and gonum's dot product splits its sum by the address that the
// slice happens to have, so that equal inputs may differ in the last bit.

// mulNN sets dst (m×n) to a (m×k) times b (k×n), plus what dst held if keep. Each
// element adds its terms in the order of k, so a row's bits do not depend on the
// other rows, nor on the number of threads.
func mulNN(dst, a, b []float32, m, n, k int, keep bool) {
	var beta float32
	if keep {
		beta = 1
	}
	if n > 1 {
		gonum.Implementation{}.Sgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, a, k, b, n, beta, dst, n)
		return
	}
	for i := range dst[:m] {
		var sum float32
		if keep {
			sum = dst[i]
		}
		for l, v := range a[i*k : (i+1)*k] {
			sum += float32(v * b[l])
		}
		dst[i] = sum
	}
}

// mulNT sets dst (m×k) to a (m×n) times bᵀ, b being k×n, plus what dst held if keep. It first
// writes bᵀ to scratch, which it returns, longer if it was shorter than that.
func mulNT(dst, a, b, scratch []float32, m, n, k int, keep bool) []float32 {
	if len(scratch) < len(b) {
		scratch = make([]float32, len(b))
	}
	for i := range k {
		for j, v := range b[i*n : (i+1)*n] {
			scratch[j*k+i] = v
		}
	}
	mulNN(dst, a, scratch, m, k, n, keep)
	return scratch
}

// mulTN sets dst (k×n) to aᵀ times b, a being m×k and b m×n. Each element adds its
// terms in the order of the rows m, so rows of zeros in b change nothing.
func mulTN(dst, a, b []float32, m, n, k int) {
	g := gonum.Implementation{}
	if n == 1 { // bᵀ a is the same vector, with longer inner loops
		g.Sgemm(blas.Trans, blas.NoTrans, 1, k, m, 1, b, 1, a, k, 0, dst, k)
		return
	}
	g.Sgemm(blas.Trans, blas.NoTrans, k, n, m, 1, a, k, b, n, 0, dst, n)
}

// A form says which factor of a product is transposed.
type form uint8

const (
	formNN form = iota // a b
	formNT             // a bᵀ
	formTN             // aᵀ b
)

// times is the product of two matrices, in one of the forms that the gradient of an Affine needs.
type times struct {
	base
	out     output
	scratch []float32
	form    form
}

func newTimes(f form) *times {
	name := [...]string{formNN: "a×b", formNT: "a×bᵀ", formTN: "aᵀ×b"}[f]
	return &times{base: base{name: name, arity: 2, typ: hm.NewFnType(matrix, matrix, matrix)}, form: f}
}

func (o *times) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2)
	if err != nil {
		return nil, err
	}
	m, n, _, err := o.size(s[0], s[1])
	return tensor.Shape{m, n}, err
}

// size returns the rows and columns of the product, and the terms of its sums.
func (o *times) size(a, b tensor.Shape) (m, n, k int, err error) {
	m, k = a[0], a[1]
	if o.form == formTN {
		m, k = k, m
	}
	terms, n := b[0], b[1]
	if o.form == formNT {
		terms, n = n, terms
	}
	if k != terms {
		return 0, 0, 0, fmt.Errorf("%w: %s of %v and %v", ErrShape, o.name, a, b)
	}
	return m, n, k, nil
}

func (o *times) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	a, as, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	b, bs, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	m, n, k, err := o.size(as, bs)
	if err != nil {
		return nil, err
	}
	dst := o.out.matrix(m, n)
	switch o.form {
	case formNN:
		mulNN(dst, a, b, m, n, k, false)
	case formNT:
		o.scratch = mulNT(dst, a, b, o.scratch, m, k, n, false)
	case formTN:
		mulTN(dst, a, b, k, n, m)
	}
	return o.out.value, nil
}

// columnSum adds up the rows of a matrix, in their order: the gradient of a bias.
type columnSum struct {
	base
	out output
}

func newColumnSum() *columnSum {
	return &columnSum{base: base{name: "column sum", arity: 1, typ: hm.NewFnType(matrix, vector)}}
}

func (o *columnSum) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{s[0][1]}, nil
}

func (o *columnSum) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	a, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	n := s[1]
	dst := o.out.vector(n)
	clear(dst)
	for ; len(a) >= n; a = a[n:] {
		for j, v := range a[:n] {
			dst[j] += v
		}
	}
	return o.out.value, nil
}
