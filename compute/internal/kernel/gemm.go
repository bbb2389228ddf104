package kernel

// A form says which operand of a product is transposed.
type form uint8

const (
	formNN form = iota // dst = a b      a m×k, b k×n
	formTN             // dst = aᵀ b     a k×m, b k×n
	formNT             // dst = a bᵀ     a m×k, b n×k
)

// A start says where the sums of a product begin: at 0 if both fields are zero, at
// dst, or at a row that all rows of dst share.
type start struct {
	acc bool
	row []float32
}

// Workspace is the length of the workspace that the matrix products need, whatever
// their sizes; small ones do not look at it. Goroutines do not share one.
const Workspace = groupSize + blockA + 32

// panelSize is the number of elements of b that are worked on at a time: with the rows of a
// that meet them they fill three quarters of a first-level cache of 32 KB.
const panelSize = 6144

// groupColumns is how many columns of b are packed at a time, in panels of 16 or 32: their rows
// then are four cache lines of one page. groupSize is room for that.
const (
	groupColumns = 64
	groupSize    = 4 * panelSize
)

// blockA is the number of elements of a that are met by one panel after the other: with the
// panels, what two thirds of a second-level cache of 512 KB hold.
const blockA = 73728

// GemmNN computes dst = a b, or dst += a b with acc: dst is m×n, a is m×k and b is k×n,
// row-major with rows ldd, lda and ldb apart. The forward pass. dst overlaps neither
// a nor b.
//
// Element i, j is one chain of fused multiply-adds in the order of k, which begins at 0
// or, with acc, at dst: it depends on row i of a and column j of b alone, on none of the
// sizes. Threads share a product by calling it on disjoint rows or columns of dst.
func (s *Set) GemmNN(dst, a, b []float32, m, n, k, ldd, lda, ldb int, acc bool, ws []float32) {
	if m < 1 || n < 1 || k < 1 {
		begin(dst, m, n, ldd, start{acc: acc}, false)
		return
	}
	fits(dst, m, n, ldd)
	fits(a, m, k, lda)
	fits(b, k, n, ldb)
	if s.tiled != nil && s.tiled.holds(m, n) {
		var in *float32
		if acc {
			in = &dst[0]
		}
		s.tiled.single(&dst[0], &a[0], &b[0], in, m, n, k, size*ldd, size*lda, size, size*ldb, size*ldd, 0)
		return
	}
	s.product(formNN, dst, a, b, m, n, k, ldd, lda, ldb, start{acc: acc}, false, ws)
}

// GemmTN computes dst = aᵀ b, or dst += aᵀ b with acc: dst is m×n, a is k×m and b is k×n.
// The gradient of weights, where k counts examples. Otherwise as GemmNN.
func (s *Set) GemmTN(dst, a, b []float32, m, n, k, ldd, lda, ldb int, acc bool, ws []float32) {
	if m < 1 || n < 1 || k < 1 {
		begin(dst, m, n, ldd, start{acc: acc}, false)
		return
	}
	fits(dst, m, n, ldd)
	fits(a, k, m, lda)
	fits(b, k, n, ldb)
	if s.tiled != nil && !acc && len(ws) >= Workspace && s.gemmTNSparse(dst, a, b, m, n, k, ldd, lda, ldb, ws) {
		return
	}
	if s.tiled != nil && s.tiled.holds(m, n) {
		var in *float32
		if acc {
			in = &dst[0]
		}
		s.tiled.single(&dst[0], &a[0], &b[0], in, m, n, k, size*ldd, size, size*lda, size*ldb, size*ldd, 0)
		return
	}
	s.product(formTN, dst, a, b, m, n, k, ldd, lda, ldb, start{acc: acc}, false, ws)
}

// GemmNT computes dst = a bᵀ, or dst += a bᵀ with acc: dst is m×n, a is m×k and b is n×k.
// The gradient of inputs. Otherwise as GemmNN.
func (s *Set) GemmNT(dst, a, b []float32, m, n, k, ldd, lda, ldb int, acc bool, ws []float32) {
	if m < 1 || n < 1 || k < 1 {
		begin(dst, m, n, ldd, start{acc: acc}, false)
		return
	}
	fits(dst, m, n, ldd)
	fits(a, m, k, lda)
	fits(b, n, k, ldb)
	if s.tiled != nil && m == 1 && n >= 8 && (!acc || n%8 == 0) {
		var in *float32
		if acc {
			in = &dst[0]
		}
		s.tiled.dots(&dst[0], &a[0], &b[0], in, n, k, size*ldb)
		return
	}
	s.product(formNT, dst, a, b, m, n, k, ldd, lda, ldb, start{acc: acc}, false, ws)
}

// Affine computes dst = act(x w + bias): dst is m×n, x is m×k, w is k×n and bias has n
// elements. The chain of each sum begins at the bias. dst overlaps no operand.
// The backward pass of GELU needs the sum before the activation: use Identity, and Apply
// into another slice.
func (s *Set) Affine(dst, x, w, bias []float32, m, n, k, ldd, ldx, ldw int, act Act, ws []float32) {
	if m < 1 || n < 1 || k < 1 {
		begin(dst, m, n, ldd, start{row: bias}, false)
	} else {
		fits(dst, m, n, ldd)
		fits(x, m, k, ldx)
		fits(w, k, n, ldw)
		fits(bias, 1, n, n)
		if s.tiled != nil && s.tiled.holds(m, n) {
			relu := 0
			if act == ReLU {
				relu = 1
			}
			s.tiled.single(&dst[0], &x[0], &w[0], &bias[0], m, n, k, size*ldd, size*ldx, size, size*ldw, 0, relu)
		} else {
			in, done := start{row: bias}, s.startCommon(dst, x, w, bias, m, n, k, ldd, ldx, ldw, ws)
			if done > 0 {
				in = start{acc: true}
			}
			s.product(formNN, dst, x[done:], w[done*ldw:], m, n, k-done, ldd, ldx, ldw, in, act == ReLU, ws)
		}
	}
	if act != Identity && (act != ReLU || k == 0) {
		s.applyRows(dst, m, n, ldd, act)
	}
}

// Linear is Affine, with the same bits, for weights of which each row is a unit's: w is n×k.
func (s *Set) Linear(dst, x, w, bias []float32, m, n, k, ldd, ldx, ldw int, act Act, ws []float32) {
	done, relu := 0, act == ReLU
	switch {
	case m < 1 || n < 1 || k < 1:
		begin(dst, m, n, ldd, start{row: bias}, relu)
		done = n
	case s.tiled != nil && m == 1 && n >= octet:
		fits(dst, m, n, ldd)
		fits(x, m, k, ldx)
		fits(w, n, k, ldw)
		fits(bias, 1, n, n)
		done = n &^ (octet - 1)
		s.tiled.dots(&dst[0], &x[0], &w[0], &bias[0], done, k, size*ldw)
		if relu {
			s.tiled.relu(&dst[0], &dst[0], done)
		}
	}
	if done < n {
		s.product(formNT, dst[done:], x, w[done*ldw:], m, n-done, k, ldd, ldx, ldw, start{row: bias[done:]}, relu, ws)
	}
	if act != Identity && !relu {
		s.applyRows(dst, m, n, ldd, act)
	}
}

func (s *Set) applyRows(dst []float32, m, n, ldd int, act Act) {
	if ldd == n {
		s.Apply(dst[:m*n], dst, act)
		return
	}
	for i := range m {
		row := dst[i*ldd:][:n]
		s.Apply(row, row, act)
	}
}

func (s *Set) product(f form, dst, a, b []float32, m, n, k, ldd, lda, ldb int, in start, relu bool, ws []float32) {
	if len(ws) < Workspace {
		panic("kernel: workspace is shorter than Workspace")
	}
	s.f.gemm(f, dst, a, b, m, n, k, ldd, lda, ldb, in, relu, ws)
}

// begin writes what sums begin with.
func begin(dst []float32, m, n, ldd int, in start, relu bool) {
	if !check(dst, m, n, ldd) {
		return
	}
	for i := range m {
		row := dst[i*ldd:][:n]
		switch {
		case in.row != nil:
			copy(row, in.row[:n])
		case !in.acc:
			clear(row)
		}
		if relu {
			for j, v := range row {
				row[j] = relu32(v)
			}
		}
	}
}

// Ger computes dst = x yᵀ, or dst += x yᵀ with acc: x has m elements, y has n. It is
// GemmTN for k = 1, with the same bits.
func (s *Set) Ger(dst, x, y []float32, m, n, ldd int, acc bool) {
	if !check(dst, m, n, ldd) {
		return
	}
	_, _ = x[m-1], y[n-1]
	if n == 1 && ldd == 1 { // a column lies as a row does
		x, y, m, n, ldd = y, x, n, m, m
	}
	if s.f.gerNarrow != nil && !acc && n == ldd && n < lanes {
		// As many rows as have 16 elements of dst from their beginning on.
		if rows := ((m-1)*n+n-lanes)/n + 1; rows > 1 {
			s.f.gerNarrow(&dst[0], &x[0], &y[0], rows, n)
			dst, x, m = dst[rows*n:], x[rows:], m-rows
		}
	}
	if m > 0 {
		s.f.ger(&dst[0], &x[0], &y[0], m, n, ldd, acc)
	}
}

// fits panics unless an m×n matrix with rows ld apart fits in x; m and n are above 0.
func fits(x []float32, m, n, ld int) {
	if ld < n || (m-1)*ld+n > len(x) {
		misfit()
	}
}

//go:noinline
func misfit() { panic("kernel: a matrix is larger than its slice, or its rows overlap") }

// check panics unless an m×n matrix with rows ld apart fits in x. It returns false if
// there are no elements.
func check(x []float32, m, n, ld int) bool {
	if m <= 0 || n <= 0 {
		if m < 0 || n < 0 {
			panic("kernel: negative size")
		}
		return false
	}
	if ld < n {
		panic("kernel: rows overlap: leading dimension below the number of columns")
	}
	_ = x[(m-1)*ld+n-1]
	return true
}
