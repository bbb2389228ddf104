package blas

import "gonum.org/v1/gonum/blas"

// Sgemv computes y = alpha op(a) x + beta y, where a is m×n. Vectors whose elements are not
// adjacent, and what has nothing to multiply, are left to gonum.
func (b Implementation) Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	in, out := n, m
	if transposed(tA) {
		in, out = m, n
	}
	if !known(tA) || incX != 1 || incY != 1 || alpha == 0 || !fits(a, m, n, lda) || len(x) < in || len(y) < out {
		b.Implementation.Sgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
		return
	}
	w := b.works.Get().(*work)
	defer b.works.Put(w)
	dst := y[:out]
	if alpha != 1 || beta != 0 {
		dst = w.take(out)
	}
	if transposed(tA) {
		b.set.GemmNN(dst, x, a, 1, n, m, n, m, lda, false, w.space)
	} else {
		b.set.GemmNT(dst, x, a, 1, m, n, m, n, lda, false, w.space)
	}
	if alpha != 1 || beta != 0 {
		combine(b.set, y[:out], dst, alpha, beta)
	}
}

// Sger computes a += alpha x yᵀ, where a is m×n. Vectors whose elements are not adjacent are
// left to gonum.
func (b Implementation) Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int) {
	if incX != 1 || incY != 1 || alpha == 0 || !fits(a, m, n, lda) || len(x) < m || len(y) < n {
		b.Implementation.Sger(m, n, alpha, x, incX, y, incY, a, lda)
		return
	}
	if alpha != 1 {
		w := b.works.Get().(*work)
		defer b.works.Put(w)
		scaled := w.take(m)
		b.set.Scale(scaled, x[:m], alpha)
		x = scaled
	}
	b.set.Ger(a, x, y, m, n, lda, true)
}
