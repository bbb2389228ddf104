package kernel

// Transpose writes the rows of a, m×n with rows lda apart, as the columns of dst, n×m with
// rows ldd apart. dst and a do not overlap.
func (s *Set) Transpose(dst, a []float32, m, n, ldd, lda int) {
	if !check(dst, n, m, ldd) || !check(a, m, n, lda) {
		return
	}
	i := 0
	if s.tiled != nil {
		for ; i+8 <= m; i += 8 {
			s.tiled.transpose8(&dst[i], &a[i*lda], n, size*lda, size*ldd)
		}
	}
	for ; i < m; i++ {
		for j, v := range a[i*lda:][:n] {
			dst[j*ldd+i] = v
		}
	}
}
