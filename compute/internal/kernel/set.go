package kernel

import (
	"errors"
	"fmt"
)

// ErrFamily is wrapped by Named.
var ErrFamily = errors.New("kernel: no such family on this machine")

// The names of the families, from the widest registers to none.
const (
	AVX512   = "avx512"   // AVX-512 F, DQ, BW and VL
	AVX2     = "avx2"     // AVX2 and FMA3
	Portable = "portable" // Go; each fused multiply-add is computed exactly in float64
	Approx   = "approx"   // Go; multiplies and adds, each rounded: other bits than the rest
)

// A Set is one family of kernels. Its methods panic if a slice is too short for the sizes
// that are given with it. A Set has no state: any number of goroutines may use it.
type Set struct {
	Name string
	// Lanes is the number of float32 in a register, 1 for Go code.
	Lanes int
	f     family
	tiled *blocked // nil for Go code
}

// Best returns the family with the widest registers that this processor and its
// operating system support.
func Best() *Set {
	for _, name := range []string{AVX512, AVX2} {
		if s, err := Named(name); err == nil {
			return s
		}
	}
	return portable()
}

// Named returns a family by its name, or ErrFamily if it is unknown or this machine
// cannot run it.
func Named(name string) (*Set, error) {
	switch name {
	case Portable:
		return portable(), nil
	case Approx:
		return approx(), nil
	}
	if s := native(name); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrFamily, name)
}

// Names lists the families that this machine can run, the best first.
func Names() []string {
	var names []string
	for _, name := range []string{AVX512, AVX2, Portable, Approx} {
		if _, err := Named(name); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// A family is what a Set is made of. Pointers come with the number of elements behind
// them; every length is at least 1.
type family struct {
	gemm      func(form form, dst, a, b []float32, m, n, k, ldd, lda, ldb int, in start, relu bool, ws []float32)
	gerNarrow func(dst, x, y *float32, m, n int) // nil without
	ger       func(dst, x, y *float32, m, n, ldd int, acc bool)
	unary     [unaryCount]func(dst, a *float32, n int)
	binary    [binaryCount]func(dst, a, b *float32, n int)
	scalar    [scalarCount]func(dst, a *float32, s float32, n int)
	addRow    func(dst, row *float32, m, n, ldd int)
	colSum    func(dst, a *float32, m, n, lda int, acc bool)
	expSum    func(dst, a *float32, shift float32, n int) float32
	// Strides of these two are in bytes.
	maxRows   func(dst, a, b *float32, m, n, ldd, lda, ldb int)
	routeRows func(dst, rest, x, y *float32, m, n, ldd, ldr, ldx, ldy int)
	sum       func(a *float32, n int) float32
	dot       func(a, b *float32, n int) float32
	max       func(a *float32, n int) float32
	sumSq     func(a *float32, n int) float64
	square64  func(a *float32, n int) float32 // n is a multiple of 64, and above 0
	finite    func(a *float32, n int) float32 // 0, or a NaN if not all are finite
	update    [updateCount]func(u *update) float32
	// Of n rows of u.n elements, a multiple of 8; nil without.
	updateRows   [updateKinds]func(u *update, rows *int32, n int) float32
	ftrl         func(u *update) float32
	ftrlPairs    func(u *update, rows *int32, n int) float32                        // n is a multiple of 8, and above 0; nil without
	adagradOuter func(o *outer) float32                                             // nil without
	adagradLines func(o *outer) float32                                             // the same along rows
	sgdOuter     func(theta, x, y *float32, m, n int, rate, factor float32) float32 // likewise
	dropout      func(dst, x *float32, n int, key uint64, row, layer, below uint32, scale float32)
	prefetch     func(base *float32, rows *int32, n, dim int) // nil without
	// Rows of so many bytes, a multiple of 32; nil without.
	takeRows func(dst, table *float32, rows *int32, n, bytes int)
	// Of rows of fields of dim elements, a multiple of 8; nil without.
	pairSlopes func(dx, x, dy *float32, m, fields, dim int)
	// Of groups of 8 columns, with 32 bytes behind dst that are overwritten; nil without.
	takeColumns func(dst, a *float32, list, places *int32, rows, groups, ldd, lda int)
	// Of at least 8 ids; nil without.
	lookUp   func(dst, src, offsets, tops *int32, rows, n int) uint32 // 0 if all were from 0 to tops
	span     func(ids *int32, n int) (low, high int32)
	distinct func(ids *int32, n int) uint32 // of a multiple of 8: 0 if none is below 0 or occurs twice
	peak     func(rounds int) float32       // nil without
	perPeak  int                            // floating point operations in one round of peak
}

// PeakFMA runs rounds of multiply-adds on registers alone and returns the number of
// floating point operations that this was, counting two for each. Timed, it is the peak
// that a share of is given in benchmarks. It is 0 for a family without assembly.
func (s *Set) PeakFMA(rounds int) int {
	if s.f.peak == nil || rounds < 1 {
		return 0
	}
	s.f.peak(rounds)
	return rounds * s.f.perPeak
}
