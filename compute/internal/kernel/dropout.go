package kernel

import (
	"math"

	"github.com/perennial-ml/perennial/internal/rng"
)

// A Dropout is the mask of a matrix. Column j of row i is dropped where its 16 bits of
// Philox4x32-10, under Key and with (j/8, i, Layer, 0) as counter, are below Below. The lower
// half of a word goes to the lower column.
type Dropout struct {
	Key   uint64 // the lower half first
	Layer uint32
	Below uint32  // under 1<<16
	Scale float32 // of what is kept
}

// Dropout computes the given row of dst: x times the scale where it is kept, times +0 where
// it is dropped, so that what is not finite stays so.
func (s *Set) Dropout(dst, x []float32, row uint32, d Dropout) {
	if n := len(dst); n > 0 {
		_ = x[n-1]
		s.f.dropout(&dst[0], &x[0], n, d.Key, row, d.Layer, d.Below, d.Scale)
	}
}

func dropout(dst, x *float32, n int, key uint64, row, layer, below uint32, scale float32) {
	d, v := view(dst, n), view(x, n)
	keys, kept := [2]uint32{uint32(key), uint32(key >> 32)}, math.Float32bits(scale)
	for j := 0; j < n; j += 8 {
		words := rng.Philox([4]uint32{uint32(j / 8), row, layer, 0}, keys)
		for l := range min(8, n-j) {
			word := words[l/2] >> (l % 2 * 16) & math.MaxUint16
			// The sign of the difference, spread over all bits, rather than a branch that
			// nobody can foresee.
			dropped := uint32(int32(word-below) >> 31)
			d[j+l] = v[j+l] * math.Float32frombits(kept&^dropped)
		}
	}
}
