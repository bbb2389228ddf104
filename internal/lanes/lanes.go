package lanes

// The names of the families, from the widest registers to none.
const (
	AVX512   = "avx512"
	AVX2     = "avx2"
	Portable = "portable"
)

// A Set is one family of functions. It has no state: any number of goroutines may use it.
type Set struct {
	name     string
	dot      func(a, b *float32, n int) float64 // nil for Go code, and so are all
	dots     func(dst *float64, a, b *float32, n, rows int)
	distance func(t *float64, f *float32, n int) float64
	scale    func(dst, f *float32, by float64, n int)
	approach func(mean, f *float32, rate float64, n int)
	aim      func(t, sum *float64, mean, f *float32, by float64, n int) float64
	trade    func(sum *float64, in, out *float32, coarse float64, n int)
}

// Best returns the family with the widest registers that this processor has.
func Best() *Set {
	for _, name := range []string{AVX512, AVX2} {
		if s := Named(name); s != nil {
			return s
		}
	}
	return Named(Portable)
}

// Named returns a family by its name, or nil if this machine has none of that name.
func Named(name string) *Set {
	if name == Portable {
		return &Set{name: Portable}
	}
	return native(name)
}

// Name returns the family's name.
func (s *Set) Name() string { return s.name }

// Dot returns the inner product of a and the first len(a) elements of b.
func (s *Set) Dot(a, b []float32) float64 {
	b = b[:len(a)]
	if s.dot == nil || len(a) == 0 {
		return dot(a, b)
	}
	return s.dot(&a[0], &b[0], len(a))
}

// Dots writes to dst the inner products, as of Dot, of a and each of len(dst) rows as long as a that lie one
// after the other in b.
func (s *Set) Dots(dst []float64, a, b []float32) {
	b = b[:len(dst)*len(a)]
	if s.dots == nil || len(b) == 0 {
		dots(dst, a, b)
		return
	}
	s.dots(&dst[0], &a[0], &b[0], len(a), len(dst))
}

// Distance returns the square of the Euclidean distance between the first len(f) elements of t
// and f: of each difference, rounded, the square, rounded, is added.
func (s *Set) Distance(t []float64, f []float32) float64 {
	t = t[:len(f)]
	if s.distance == nil || len(f) == 0 {
		return distance(t, f)
	}
	return s.distance(&t[0], &f[0], len(f))
}

// Scale writes by f to dst, which must be as long.
func (s *Set) Scale(dst, f []float32, by float64) {
	dst = dst[:len(f)]
	if s.scale == nil || len(f) == 0 {
		scale(dst, f, by)
		return
	}
	s.scale(&dst[0], &f[0], by, len(f))
}

// Approach adds rate (f - mean) to the first len(f) elements of mean.
func (s *Set) Approach(mean, f []float32, rate float64) {
	mean = mean[:len(f)]
	if s.approach == nil || len(f) == 0 {
		approach(mean, f, rate)
		return
	}
	s.approach(&mean[0], &f[0], rate, len(f))
}

// Aim writes sum - by mean + f to t, and returns the sum of the squares of sum - by mean. All must
// be as long as f.
func (s *Set) Aim(t, sum []float64, mean, f []float32, by float64) float64 {
	t, sum, mean = t[:len(f)], sum[:len(f)], mean[:len(f)]
	if s.aim == nil || len(f) == 0 {
		return aim(t, sum, mean, f, by)
	}
	return s.aim(&t[0], &sum[0], &mean[0], &f[0], by, len(f))
}

// Trade adds in to sum and subtracts out, of which the elements are first rounded by adding coarse
// and taking it away again. All must be as long as in.
func (s *Set) Trade(sum []float64, in, out []float32, coarse float64) {
	sum, out = sum[:len(in)], out[:len(in)]
	if s.trade == nil || len(in) == 0 {
		trade(sum, in, out, coarse)
		return
	}
	s.trade(&sum[0], &in[0], &out[0], coarse, len(in))
}
