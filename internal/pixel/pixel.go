package pixel

import "unsafe"

// Tolerance is how far a number may be from k/255 for the level k to stand for it.
const Tolerance = 1e-6

// The names of the codecs, from the widest registers to none.
const (
	AVX512   = "avx512"
	AVX2     = "avx2"
	Portable = "portable"
)

// The least that the assembly works on: one of its steps.
const (
	leastPacked   = 32
	leastUnpacked = 16
)

// A Codec turns numbers into levels and back. It has no state: any number of goroutines may
// use it.
type Codec struct {
	name   string
	pack   func(dst *uint8, src *float32, n int) bool // nil for Go code
	quick  func(dst *uint8, src *float32, n int) bool // pack, or false
	unpack func(dst *float32, src *uint8, n int)
}

// Best returns the codec with the widest registers that this processor has.
func Best() *Codec {
	for _, name := range []string{AVX512, AVX2} {
		if c := Named(name); c != nil {
			return c
		}
	}
	return Named(Portable)
}

// Named returns a codec by its name, or nil if this machine has none of that name.
func Named(name string) *Codec {
	if name == Portable {
		return &Codec{name: Portable}
	}
	return native(name)
}

// Name returns the codec's name.
func (c *Codec) Name() string { return c.name }

// Pack writes the levels of src to dst, which must be as long, and reports whether there is
// one for each. If not, what is in dst is of no use.
func (c *Codec) Pack(dst []uint8, src []float32) bool {
	dst = dst[:len(src)]
	if c.pack == nil || len(src) < leastPacked {
		return pack(dst, src)
	}
	return c.quick(&dst[0], &src[0], len(src)) || c.pack(&dst[0], &src[0], len(src))
}

// Unpack writes the numbers that the levels of src stand for to dst, which must be as long.
func (c *Codec) Unpack(dst []float32, src []uint8) {
	dst = dst[:len(src)]
	if c.unpack == nil || len(src) < leastUnpacked {
		unpack(dst, src)
		return
	}
	c.unpack(&dst[0], &src[0], len(src))
}

// Prefetch asks for the memory of n values from base on, and does not wait for it.
func Prefetch[T any](base *T, n int) {
	if n > 0 {
		prefetchLines((*byte)(unsafe.Pointer(base)), n*int(unsafe.Sizeof(*base)))
	}
}
