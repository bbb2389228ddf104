package blas

import (
	"sync"

	"gonum.org/v1/gonum/blas"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// A gemm is one call of Sgemm whose arguments are in order.
type gemm struct {
	set           *kernel.Set
	aT, bT        bool
	m, n, k       int
	alpha, beta   float32
	a, b, c       []float32
	lda, ldb, ldc int
}

// Sgemm computes c = alpha op(a) op(b) + beta c, where op transposes or does not. Two
// transposed factors, and what has nothing to multiply, are left to gonum.
func (b Implementation) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, x []float32, ldx int, beta float32, c []float32, ldc int) {
	g := gemm{
		set: b.set, aT: transposed(tA), bT: transposed(tB), m: m, n: n, k: k,
		alpha: alpha, beta: beta, a: a, b: x, c: c, lda: lda, ldb: ldx, ldc: ldc,
	}
	if !known(tA) || !known(tB) || !g.regular() {
		b.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, x, ldx, beta, c, ldc)
		return
	}
	if parts, byColumns := g.parts(b.threads); parts > 1 {
		b.share(g, parts, byColumns)
		return
	}
	b.part(g)
}

// share computes g in as many goroutines as there are parts.
func (b Implementation) share(g gemm, parts int, byColumns bool) {
	var wait sync.WaitGroup
	for i := 1; i < parts; i++ {
		wait.Go(func() { b.part(g.cut(i, parts, byColumns)) })
	}
	b.part(g.cut(0, parts, byColumns))
	wait.Wait()
}

// regular says that g is a product that the kernels compute.
func (g *gemm) regular() bool {
	aRows, aCols, bRows, bCols := g.m, g.k, g.k, g.n
	if g.aT {
		aRows, aCols = aCols, aRows
	}
	if g.bT {
		bRows, bCols = bCols, bRows
	}
	return g.alpha != 0 && !(g.aT && g.bT) &&
		fits(g.a, aRows, aCols, g.lda) && fits(g.b, bRows, bCols, g.ldb) && fits(g.c, g.m, g.n, g.ldc)
}

// splitFrom is the number of multiply-adds from which a goroutine is worth its microseconds.
const splitFrom = 1 << 20

// Parts are blocks of so many rows, or else columns: multiples of what a register tile
// covers.
const (
	rowBlock    = 24
	columnBlock = 64
)

// parts returns how many goroutines share g, and whether by columns.
func (g *gemm) parts(threads int) (parts int, byColumns bool) {
	parts = min(threads, g.m*g.n*g.k/splitFrom)
	if parts <= 1 {
		return 1, false
	}
	byColumns = g.m < 2*rowBlock*parts
	blocks := (g.m + rowBlock - 1) / rowBlock
	if byColumns {
		blocks = (g.n + columnBlock - 1) / columnBlock
	}
	return max(1, min(parts, blocks)), byColumns
}

// cut returns part i of parts.
func (g *gemm) cut(i, parts int, byColumns bool) gemm {
	if byColumns {
		from, to := span(g.n, columnBlock, i, parts)
		return g.columns(from, to)
	}
	from, to := span(g.m, rowBlock, i, parts)
	return g.rows(from, to)
}

func span(n, block, i, parts int) (from, to int) {
	blocks := (n + block - 1) / block
	return min(n, blocks*i/parts*block), min(n, blocks*(i+1)/parts*block)
}

// rows returns the product for rows from to to of c.
func (g *gemm) rows(from, to int) gemm {
	out := *g
	out.m = to - from
	out.c = g.c[from*g.ldc:]
	if g.aT {
		out.a = g.a[from:]
	} else {
		out.a = g.a[from*g.lda:]
	}
	return out
}

// columns returns the product for columns from to to of c.
func (g *gemm) columns(from, to int) gemm {
	out := *g
	out.n = to - from
	out.c = g.c[from:]
	if g.bT {
		out.b = g.b[from*g.ldb:]
	} else {
		out.b = g.b[from:]
	}
	return out
}

// roomSize is the number of values of an unscaled product that wait for their alpha.
const roomSize = 1 << 15

// part computes g in this goroutine.
func (b Implementation) part(g gemm) {
	w := b.works.Get().(*work)
	defer b.works.Put(w)
	if g.alpha == 1 {
		if g.beta != 0 && g.beta != 1 {
			for i := range g.m {
				row := g.c[i*g.ldc:][:g.n]
				g.set.Scale(row, row, g.beta)
			}
		}
		g.multiply(g.c, g.ldc, g.beta != 0, w.space)
		return
	}
	step := max(rowBlock, roomSize/g.n/rowBlock*rowBlock)
	for from := 0; from < g.m; from += step {
		h := g.rows(from, min(from+step, g.m))
		room := w.take(h.m * h.n)
		h.multiply(room, h.n, false, w.space)
		for i := range h.m {
			combine(h.set, h.c[i*h.ldc:][:h.n], room[i*h.n:][:h.n], h.alpha, h.beta)
		}
	}
}

// multiply computes dst = op(a) op(b), or adds it to dst.
func (g *gemm) multiply(dst []float32, ldd int, add bool, space []float32) {
	switch {
	case g.aT:
		g.set.GemmTN(dst, g.a, g.b, g.m, g.n, g.k, ldd, g.lda, g.ldb, add, space)
	case g.bT:
		g.set.GemmNT(dst, g.a, g.b, g.m, g.n, g.k, ldd, g.lda, g.ldb, add, space)
	default:
		g.set.GemmNN(dst, g.a, g.b, g.m, g.n, g.k, ldd, g.lda, g.ldb, add, space)
	}
}

// combine computes y = alpha x + beta y, and does not read y where beta is 0.
func combine(set *kernel.Set, y, x []float32, alpha, beta float32) {
	switch beta {
	case 0:
		set.Scale(y, x, alpha)
		return
	case 1:
	default:
		set.Scale(y, y, beta)
	}
	set.Axpy(y, x, alpha)
}
