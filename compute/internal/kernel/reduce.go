package kernel

import "math"

// Sum returns the sum of a: element i goes to lane i mod 16, each lane adds in order, and
// the lanes are added as a tree: l and l+8, then l and l+4, l+2, l+1. The sum of nothing
// is 0.
func (s *Set) Sum(a []float32) float32 {
	if len(a) == 0 {
		return 0
	}
	return s.f.sum(&a[0], len(a))
}

// Dot returns the inner product of a and the first len(a) elements of b, with fused
// multiply-adds in 16 lanes, in the order of Sum.
func (s *Set) Dot(a, b []float32) float32 {
	switch len(a) {
	case 0:
		return 0
	case 1:
		return float32(a[0]*b[0]) + 0 // of lanes that hold 0, which makes 0 of -0
	}
	_ = b[len(a)-1]
	return s.f.dot(&a[0], &b[0], len(a))
}

// Max returns the largest element. NaNs are passed over; without a number it is -Inf.
func (s *Set) Max(a []float32) float32 {
	if len(a) == 0 {
		return float32(math.Inf(-1))
	}
	return s.f.max(&a[0], len(a))
}

// SumSquares returns the sum of a², in float64, where the square of a float32 is exact,
// in the order of Sum.
func (s *Set) SumSquares(a []float32) float64 {
	if len(a) == 0 {
		return 0
	}
	return s.f.sumSq(&a[0], len(a))
}

// Norm returns the square root of the sum of a², in float32. The leading elements, as many as
// make groups of 64, go to lane i mod 64, of which l and l+32, and l and l+16, are added before
// the rest of the tree; those behind them are added as Dot would.
func (s *Set) Norm(a []float32) float64 {
	sum, whole := 0.0, len(a)&^63
	if whole > 0 {
		sum = float64(s.f.square64(&a[0], whole))
	}
	return math.Sqrt(sum + float64(s.Dot(a[whole:], a[whole:])))
}

// Finite is false if a holds a NaN or an infinity.
func (s *Set) Finite(a []float32) bool {
	if len(a) == 1 {
		return a[0]*0 == 0
	}
	return len(a) == 0 || s.f.finite(&a[0], len(a)) == 0
}

// ExpSum computes dst = exp(a - shift) and returns the sum of dst, as Sum would. With the
// largest element as shift it is what softmax and log-sum-exp are made of.
func (s *Set) ExpSum(dst, a []float32, shift float32) float32 {
	n := len(dst)
	if n == 0 {
		return 0
	}
	_ = a[n-1]
	return s.f.expSum(&dst[0], &a[0], shift, n)
}

// Softmax computes the softmax of each row of a, m×n, into dst.
func (s *Set) Softmax(dst, a []float32, m, n, ldd, lda int) {
	if !check(dst, m, n, ldd) {
		return
	}
	check(a, m, n, lda)
	for i := range m {
		row := dst[i*ldd:][:n]
		from := a[i*lda:][:n]
		sum := s.ExpSum(row, from, s.Max(from))
		s.Scale(row, row, 1/sum)
	}
}

// AddRow computes dst += row for each row of dst, m×n.
func (s *Set) AddRow(dst, row []float32, m, n, ldd int) {
	if m == 1 && n == 1 {
		dst[0] += row[0]
		return
	}
	if check(dst, m, n, ldd) {
		_ = row[n-1]
		s.f.addRow(&dst[0], &row[0], m, n, ldd)
	}
}

// ColSum computes in dst the sum of each column of a, m×n, added in the order of the rows
// to 0 or, with acc, to dst. The gradient of a bias.
func (s *Set) ColSum(dst, a []float32, m, n, lda int, acc bool) {
	if m == 1 && n == 1 {
		if !acc {
			dst[0] = 0
		}
		dst[0] += a[0]
		return
	}
	if check(a, m, n, lda) {
		_ = dst[n-1]
		s.f.colSum(&dst[0], &a[0], m, n, lda, acc)
	} else if !acc {
		clear(dst[:n])
	}
}
