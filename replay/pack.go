package replay

import (
	"slices"

	"github.com/perennial-ml/perennial/internal/pixel"
)

// PackTolerance is how far a feature may be from k/255 to be held as the byte k. It covers
// six decimals; a producer that sends float32 or more digits is off by nothing.
const PackTolerance = pixel.Tolerance

// An Unpacker gives dense features back as numbers.
type Unpacker struct{ codec *pixel.Codec }

// NewUnpacker returns an Unpacker.
func NewUnpacker() *Unpacker { return &Unpacker{pixel.Best()} }

// Append appends an example's dense features to dst, whichever way they are held.
func (u *Unpacker) Append(dst []float32, ex *Example) []float32 {
	if ex.Packed == nil {
		return append(dst, ex.Dense...)
	}
	from := len(dst)
	dst = slices.Grow(dst, len(ex.Packed))[:from+len(ex.Packed)]
	u.codec.Unpack(dst[from:], ex.Packed)
	return dst
}

// Width returns the number of dense features, whichever way they are held.
func (ex *Example) Width() int { return len(ex.Dense) + len(ex.Packed) }

// pack returns a copy of ex with its dense features as bytes, or ex itself if it has none
// or one that no byte stands for.
func (u *Unpacker) pack(ex *Example) *Example {
	if len(ex.Dense) == 0 {
		return ex
	}
	levels := make([]uint8, len(ex.Dense))
	if !u.codec.Pack(levels, ex.Dense) {
		return ex
	}
	packed := *ex
	packed.Dense, packed.Packed = nil, levels
	return &packed
}
