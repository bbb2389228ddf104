package kernel

import (
	"math/bits"
	"unsafe"
)

// What of a left operand is 0 need not be multiplied: fma(0, b, sum) is sum for every finite b,
// unless sum is -0 and the product +0, when it is +0. A chain that passes over such terms
// therefore ends with the bits of the whole one or, in that case alone, with -0 for +0: a result
// that holds a -0 is computed again, with every term.

// A sparseFunc computes rows of sums over the terms whose bits are set, one word a row. Strides
// are in bytes; the last register begins last bytes after the first.
type sparseFunc func(c, a, b, in *float32, words *uint64, rows, ldc, ai, ap, bp, ldin, last, relu int)

const (
	maxSparse = 13
	wordBits  = 64 // terms that are worked on at a time
)

// AffineFinite is Affine for a w that holds neither NaN nor infinity, and with the same bits: it
// passes over elements of x that are 0 where there are many.
func (s *Set) AffineFinite(dst, x, w, bias []float32, m, n, k, ldd, ldx, ldw int, act Act, ws []float32) {
	if !s.sparseFinite(formNN, dst, x, w, m, n, k, ldd, ldx, ldw, start{row: bias}, act == ReLU, ws) {
		s.Affine(dst, x, w, bias, m, n, k, ldd, ldx, ldw, act, ws)
		return
	}
	if act != Identity && act != ReLU {
		s.applyRows(dst, m, n, ldd, act)
	}
}

// GemmFinite is GemmNN for a b that holds neither NaN nor infinity, and with the same bits: it
// passes over elements of a that are 0 where there are many.
func (s *Set) GemmFinite(dst, a, b []float32, m, n, k, ldd, lda, ldb int, ws []float32) {
	if !s.sparseFinite(formNN, dst, a, b, m, n, k, ldd, lda, ldb, start{}, false, ws) {
		s.GemmNN(dst, a, b, m, n, k, ldd, lda, ldb, false, ws)
	}
}

// GemmNTFinite is GemmNT for a b that holds neither NaN nor infinity, and with the same bits: it
// passes over elements of a that are 0 where there are many.
func (s *Set) GemmNTFinite(dst, a, b []float32, m, n, k, ldd, lda, ldb int, ws []float32) {
	// Where b must be turned, few rows do not pay for that.
	if m < packFrom || !s.sparseFinite(formNT, dst, a, b, m, n, k, ldd, lda, ldb, start{}, false, ws) {
		s.GemmNT(dst, a, b, m, n, k, ldd, lda, ldb, false, ws)
	}
}

// sparseFinite computes a product whose b is finite if it is worth to look for zeros of a, and returns
// whether it did.
func (s *Set) sparseFinite(f form, dst, a, b []float32, m, n, k, ldd, lda, ldb int, in start, relu bool, ws []float32) bool {
	if m*k < sampleLeast || s.tiled == nil || n < 1 || len(ws) < Workspace {
		return false
	}
	fits(dst, m, n, ldd)
	fits(a, m, k, lda)
	if f == formNT {
		fits(b, n, k, ldb)
	} else {
		fits(b, k, n, ldb)
	}
	if in.row != nil {
		fits(in.row, 1, n, n)
	}
	j := newJob(f, dst, a, b, m, n, k, ldd, lda, ldb, in, relu)
	return s.tiled.worthSparse(&j, f, ws) && s.tiled.sparseProduct(&j, f, ws)
}

// gemmTNSparse computes a product aᵀ b if it is worth to look for zeros of a, and returns whether
// it did.
func (s *Set) gemmTNSparse(dst, a, b []float32, m, n, k, ldd, lda, ldb int, ws []float32) bool {
	if m*k < sampleLeast {
		return false
	}
	j := newJob(formTN, dst, a, b, m, n, k, ldd, lda, ldb, start{}, false)
	return s.tiled.worthSparse(&j, formTN, ws) && s.finiteRows(b, k, n, ldb) && s.tiled.sparseProduct(&j, formTN, ws)
}

func (s *Set) finiteRows(a []float32, m, n, lda int) bool {
	if n == lda {
		return s.Finite(a[:m*n])
	}
	for i := range m {
		if !s.Finite(a[i*lda:][:n]) {
			return false
		}
	}
	return true
}

const (
	sampleLeast = 256 // elements from which it is worth to look
	sampleRows  = 8
	sampleFirst = 128 // elements after which all may be clear
)

// worthSparse says whether so many elements of a are 0 that passing over them is faster, as far
// as a few rows show.
func (t *blocked) worthSparse(j *job, f form, ws []float32) bool {
	if last := (j.n-1)%t.sparseWidth(j.n) + 1; last < t.lanes {
		return false
	}
	cost := t.costs(j)
	if cost.ofAll(sampleFirst, 0) {
		return false
	}
	// The rows of the operand as it lies in memory.
	rows, cols, a := j.m, j.k, j.a
	if f == formTN {
		rows, cols, a.i, a.j = j.k, j.m, j.a.j, j.a.i
	}
	_, words := sparseRoom(ws)
	live, seen, step := 0, 0, max(1, rows/sampleRows)
	for i := 0; i < rows; i += step {
		for p := 0; p < cols; p += wordBits {
			n := min(wordBits, cols-p)
			t.nonzero(&words[0], a.at(i, p), 1, a.i, n)
			live += bits.OnesCount64(words[0])
			seen += n
			if seen == sampleFirst && live == seen {
				return false
			}
		}
		if cost.ofAll(seen, live) {
			return false
		}
	}
	return true
}

// sparseCost is what a product takes in quarters of a cycle: all terms of an element of a; one
// that is not 0; and a share of what a word of them takes by itself, for each of its terms.
type sparseCost struct{ all, live, word int }

// costs follows measurements (BenchmarkZeros): where tiles are high they do their two
// multiply-adds a cycle, others read as much as they multiply; a row of sums takes a third longer
// than its loads or than additions that wait for each other.
func (t *blocked) costs(j *job) sparseCost {
	vecs := (j.n + t.lanes - 1) / t.lanes
	chunks := (j.n + t.sparseWidth(j.n) - 1) / t.sparseWidth(j.n)
	c := sparseCost{all: (vecs + 1) / 2 * 4, live: max(22*chunks, (vecs+3*chunks)*11/4)}
	if j.m < t.rows {
		c.all = vecs * 4
	}
	if t.apart(j.b) && j.m < packFrom {
		c.live += c.live / 2
	}
	c.word = (5*vecs + 48*chunks) / min(j.k, wordBits)
	return c
}

// ofAll says whether it is faster to multiply all terms out, of so many of which some are live.
func (c sparseCost) ofAll(terms, live int) bool { return terms*c.word+live*c.live >= terms*c.all }

// sparseProduct computes a product from the terms of which a is not 0. It returns false if the
// result may have other bits, and is to be computed again.
func (t *blocked) sparseProduct(whole *job, f form, ws []float32) bool {
	panel, words := sparseRoom(ws)
	for i := 0; i < whole.m; i += sparseRows {
		j := *whole
		j.m = min(sparseRows, whole.m-i)
		j.c, j.a = whole.c.from(i, 0), whole.a.from(i, 0)
		if whole.in.p != nil {
			j.in = whole.in.from(i, 0)
		}
		t.sparseBlock(&j, f, panel, words)
	}
	rows, n := whole.m, whole.n
	if whole.c.i == size*n {
		rows, n = 1, rows*n
	}
	for i := range rows {
		if t.negativeZero(whole.c.at(i, 0), n) != 0 {
			return false
		}
	}
	return true
}

// sparseRoom divides a workspace.
func sparseRoom(ws []float32) (panel []float32, words []uint64) {
	panel, left := panelRoom(ws)
	return panel, unsafe.Slice((*uint64)(unsafe.Pointer(&left[0])), sparseRows)
}

// packFrom is the number of rows from which copying pays.
const packFrom = 32

// sparseRows is how many rows are worked on at a time.
const sparseRows = 4096

// sparseBlock computes such a product of up to sparseRows rows: for each 64 terms, for some
// columns, row by row.
func (t *blocked) sparseBlock(whole *job, f form, panel []float32, words []uint64) {
	step := t.sparseWidth(whole.n)
	for p := 0; p < whole.k; p += wordBits {
		j := *whole
		j.k = min(wordBits, whole.k-p)
		j.a = whole.a.from(0, p)
		if p > 0 {
			j.in = whole.c
		}
		if p+j.k < whole.k {
			j.relu = 0
		}
		t.tellZeros(words, &j, f)
		for at := 0; at < j.n; at += step {
			cols := min(step, j.n-at)
			b := whole.b.from(p, at)
			switch {
			case f == formNT:
				width := (cols + t.lanes - 1) / t.lanes * t.lanes
				t.packTransposed(panel, b, j.k, cols, width)
				b = factor{unsafe.Pointer(&panel[0]), size * width, size}
			case j.m >= packFrom:
				b = t.packNear(panel, b, j.k, cols)
			}
			vecs := (cols + t.lanes - 1) / t.lanes
			t.sparse[vecs](j.c.at(0, at), j.a.at(0, 0), b.at(0, 0), j.start(0, at), &words[0],
				j.m, j.c.i, j.a.i, j.a.j, b.i, j.in.i, size*(cols-t.lanes), j.relu)
		}
	}
}

// sparseWidth returns how many of n columns are summed up at a time.
func (t *blocked) sparseWidth(n int) int {
	most := maxSparse
	for t.sparse[most] == nil {
		most--
	}
	return even((n+t.lanes-1)/t.lanes, most) * t.lanes
}

// apart says that few rows fit in the first-level cache at once, since they lie a fraction of a
// page apart.
func (t *blocked) apart(b factor) bool { return b.i%1024 == 0 }

// packNear copies rows to where they are in no other's way in the first-level cache.
func (t *blocked) packNear(panel []float32, b factor, k, cols int) factor {
	width := (cols + t.lanes - 1) / t.lanes * t.lanes
	for p := range k {
		copy(panel[p*width:][:cols], unsafe.Slice(b.at(p, 0), cols))
	}
	return factor{unsafe.Pointer(&panel[0]), size * width, size}
}

// tellZeros writes which terms of each row are not 0.
func (t *blocked) tellZeros(words []uint64, j *job, f form) {
	if f == formTN {
		t.nonzeroColumns(&words[0], j.a.at(0, 0), j.k, j.a.j, j.m)
		return
	}
	t.nonzero(&words[0], j.a.at(0, 0), j.m, j.a.i, j.k)
}

func newJob(f form, dst, a, b []float32, m, n, k, ldd, lda, ldb int, in start, relu bool) job {
	j := job{
		c: factor{unsafe.Pointer(&dst[0]), size * ldd, size},
		a: factor{unsafe.Pointer(&a[0]), size * lda, size},
		b: factor{unsafe.Pointer(&b[0]), size * ldb, size},
		m: m, n: n, k: k,
	}
	switch f {
	case formTN:
		j.a.i, j.a.j = j.a.j, j.a.i
	case formNT:
		j.b.i, j.b.j = j.b.j, j.b.i
	}
	switch {
	case in.row != nil:
		j.in = factor{unsafe.Pointer(&in.row[0]), 0, size}
	case in.acc:
		j.in = j.c
	}
	if relu {
		j.relu = 1
	}
	return j
}
