package kernel

import "math/bits"

// Rows of a batch that begin with one value, as images begin with their margin, have equal sums
// over these terms: they are computed once, and the rest of each chain goes on from there.

// Within these bounds looking for such terms pays.
const (
	commonRows  = 8  // at least
	commonWidth = 64 // columns of the result, at least
	commonLeast = 16 // terms, at least
)

// commonTerms returns how many leading columns of a, m×k, have the bits of its first element in
// every row, in eights and less than k; or 0 if they are few.
func (t *blocked) commonTerms(a []float32, m, k, lda int) int {
	value, n := a[0], 0
	if a[(m-1)*lda] != value {
		return 0
	}
	for n < k {
		width := min(wordBits, k-n)
		alike := bits.TrailingZeros64(^t.equal(&a[n], m, size*lda, width, value))
		n += min(alike, width)
		if alike < width {
			break
		}
	}
	if n = min(n, k-1) &^ 7; n < commonLeast {
		return 0
	}
	return n
}

// startCommon writes the sums over as many leading terms as all rows have in common to dst, and
// returns their number.
func (s *Set) startCommon(dst, x, w, bias []float32, m, n, k, ldd, ldx, ldw int, ws []float32) int {
	if s.tiled == nil || m < commonRows || n < commonWidth {
		return 0
	}
	terms := s.tiled.commonTerms(x, m, k, ldx)
	if terms == 0 {
		return 0
	}
	s.product(formNN, dst, x, w, 1, n, terms, ldd, ldx, ldw, start{row: bias}, false, ws)
	for i := 1; i < m; i++ {
		copy(dst[i*ldd:][:n], dst[:n])
	}
	return terms
}
