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
	dot      func(a, b *float32, n int) float64 // nil for Go code
	distance func(t *float64, f *float32, n int) float64
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

// Distance returns the square of the Euclidean distance between the first len(f) elements of t
// and f: of each difference, rounded, the square, rounded, is added.
func (s *Set) Distance(t []float64, f []float32) float64 {
	t = t[:len(f)]
	if s.distance == nil || len(f) == 0 {
		return distance(t, f)
	}
	return s.distance(&t[0], &f[0], len(f))
}
