package kernel

import "unsafe"

// MaxRows computes in each element of dst, m×n, the larger of those of a and b; a NaN in
// either comes through. Rows are ldd, lda and ldb apart, and may overlap others. dst is a
// or b, or overlaps neither.
func (s *Set) MaxRows(dst, a, b []float32, m, n, ldd, lda, ldb int) {
	if m < 1 || n < 1 {
		return
	}
	_, _, _ = dst[(m-1)*ldd+n-1], a[(m-1)*lda+n-1], b[(m-1)*ldb+n-1]
	s.f.maxRows(&dst[0], &a[0], &b[0], m, n, size*ldd, size*lda, size*ldb)
}

// RouteRows hands on what is left of a gradient: where x equals y it adds rest to dst, and
// leaves 0 in rest. All are m×n, with rows ldd, ldr, ldx and ldy apart; those of dst do not
// overlap one another.
func (s *Set) RouteRows(dst, rest, x, y []float32, m, n, ldd, ldr, ldx, ldy int) {
	if m < 1 || n < 1 {
		return
	}
	_, _, _, _ = dst[(m-1)*ldd+n-1], rest[(m-1)*ldr+n-1], x[(m-1)*ldx+n-1], y[(m-1)*ldy+n-1]
	s.f.routeRows(&dst[0], &rest[0], &x[0], &y[0], m, n, size*ldd, size*ldr, size*ldx, size*ldy)
}

// larger32 is MAXPS, and a NaN of the first operand's stays too.
func larger32(a, b float32) float32 {
	if a > b || a != a {
		return a
	}
	return b
}

// row returns the i-th row of n elements.
func row(p *float32, i, ld, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), i*ld)), n)
}

func largerRows(dst, a, b *float32, m, n, ldd, lda, ldb int) {
	for i := range m {
		d, x, y := row(dst, i, ldd, n), row(a, i, lda, n), row(b, i, ldb, n)
		for j, v := range x {
			d[j] = larger32(v, y[j])
		}
	}
}

func routeRows(dst, rest, x, y *float32, m, n, ldd, ldr, ldx, ldy int) {
	for i := range m {
		d, left, of, top := row(dst, i, ldd, n), row(rest, i, ldr, n), row(x, i, ldx, n), row(y, i, ldy, n)
		for j, v := range left {
			if of[j] == top[j] {
				left[j] = 0
			} else {
				v = 0
			}
			d[j] += v
		}
	}
}
