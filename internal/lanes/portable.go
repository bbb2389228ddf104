package lanes

// dot is the definition of Dot.
func dot(a, b []float32) float64 {
	var s [8]float64
	b = b[:len(a)]
	for len(a) >= 8 {
		for l := range s {
			s[l] += float64(float64(a[l]) * float64(b[l]))
		}
		a, b = a[8:], b[8:]
	}
	for l := range a {
		s[l] += float64(float64(a[l]) * float64(b[l]))
	}
	return tree(&s)
}

// dots is the definition of Dots.
func dots(dst []float64, a, b []float32) {
	for i := range dst {
		dst[i] = dot(a, b[i*len(a):])
	}
}

// distance is the definition of Distance.
func distance(t []float64, f []float32) float64 {
	var s [8]float64
	t = t[:len(f)]
	for len(f) >= 8 {
		for l := range s {
			d := t[l] - float64(f[l])
			s[l] += float64(d * d)
		}
		t, f = t[8:], f[8:]
	}
	for l := range f {
		d := t[l] - float64(f[l])
		s[l] += float64(d * d)
	}
	return tree(&s)
}

func tree(s *[8]float64) float64 {
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

// scale is the definition of Scale.
func scale(dst, f []float32, by float64) {
	for i, v := range f {
		dst[i] = float32(float64(v) * by)
	}
}

// approach is the definition of Approach.
func approach(mean, f []float32, rate float64) {
	for i, v := range f {
		old := float64(mean[i])
		mean[i] = float32(old + float64(rate*(float64(v)-old)))
	}
}

// aim is the definition of Aim.
func aim(t, sum []float64, mean, f []float32, by float64) float64 {
	var s [8]float64
	for i, v := range f {
		d := sum[i] - float64(by*float64(mean[i]))
		s[i%8] += float64(d * d)
		t[i] = d + float64(v)
	}
	return tree(&s)
}

// trade is the definition of Trade.
func trade(sum []float64, in, out []float32, coarse float64) {
	for i, v := range in {
		sum[i] += float64(float64(v)+coarse) - coarse
		sum[i] -= float64(float64(out[i])+coarse) - coarse
	}
}
