package kernel

// strides returns the distances between rows and between terms of the left operand, and
// between columns and between terms of the right one.
func strides(f form, lda, ldb int) (ai, ap, bj, bp int) {
	ai, ap, bj, bp = lda, 1, 1, ldb
	switch f {
	case formTN:
		ai, ap = 1, lda
	case formNT:
		bj, bp = ldb, 1
	}
	return
}

func gemmExact(f form, dst, a, b []float32, m, n, k, ldd, lda, ldb int, in start, relu bool, _ []float32) {
	begin(dst, m, n, ldd, in, false)
	ai, ap, bj, bp := strides(f, lda, ldb)
	for i := range m {
		row := dst[i*ldd:][:n]
		for p := range k {
			x := a[i*ai+p*ap]
			for j := range row {
				row[j] = fma32(x, b[p*bp+j*bj], row[j])
			}
		}
		if relu {
			for j, v := range row {
				row[j] = relu32(v)
			}
		}
	}
}

func gemmApprox(f form, dst, a, b []float32, m, n, k, ldd, lda, ldb int, in start, relu bool, _ []float32) {
	begin(dst, m, n, ldd, in, false)
	ai, ap, bj, bp := strides(f, lda, ldb)
	for i := range m {
		row := dst[i*ldd:][:n]
		if bj != 1 {
			for j, v := range row {
				for p, y := range b[j*bj:][:k] {
					v += float32(a[i*ai+p*ap] * y)
				}
				row[j] = v
			}
		} else {
			for p := range k {
				x := a[i*ai+p*ap]
				for j, y := range b[p*bp:][:len(row)] {
					row[j] += float32(x * y)
				}
			}
		}
		if relu {
			for j, v := range row {
				row[j] = relu32(v)
			}
		}
	}
}

func gerExact(dst, x, y *float32, m, n, ldd int, acc bool) {
	d, xs, ys := view(dst, (m-1)*ldd+n), view(x, m), view(y, n)
	begin(d, m, n, ldd, start{acc: acc}, false)
	for i, v := range xs {
		row := d[i*ldd:][:n]
		for j, w := range ys {
			row[j] = fma32(v, w, row[j])
		}
	}
}

func gerApprox(dst, x, y *float32, m, n, ldd int, acc bool) {
	d, xs, ys := view(dst, (m-1)*ldd+n), view(x, m), view(y, n)
	begin(d, m, n, ldd, start{acc: acc}, false)
	for i, v := range xs {
		row := d[i*ldd:][:n]
		for j, w := range ys {
			row[j] += float32(v * w)
		}
	}
}
