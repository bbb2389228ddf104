package replay

import (
	"encoding/binary"
	"math"
	"slices"
)

// PackTolerance is how far a feature may be from k/255 to be held as the byte k. It covers
// six decimals; a producer that sends float32 or more digits is off by nothing.
const PackTolerance = 1e-6

// An Unpacker gives dense features back as numbers.
type Unpacker struct {
	value   [256]float32
	touched uint32 // what Touch read, so that it reads
}

// NewUnpacker returns an Unpacker.
func NewUnpacker() *Unpacker {
	u := &Unpacker{}
	for k := range u.value {
		u.value[k] = float32(k) / 255
	}
	return u
}

// Append appends an example's dense features to dst, whichever way they are held.
func (u *Unpacker) Append(dst []float32, ex *Example) []float32 {
	if ex.Packed == nil {
		return append(dst, ex.Dense...)
	}
	from := len(dst)
	dst = slices.Grow(dst, len(ex.Packed))[:from+len(ex.Packed)]
	row, packed := dst[from:], ex.Packed
	for len(packed) >= 8 && len(row) >= 8 {
		x := binary.LittleEndian.Uint64(packed)
		row[0], row[1] = u.value[uint8(x)], u.value[uint8(x>>8)]
		row[2], row[3] = u.value[uint8(x>>16)], u.value[uint8(x>>24)]
		row[4], row[5] = u.value[uint8(x>>32)], u.value[uint8(x>>40)]
		row[6], row[7] = u.value[uint8(x>>48)], u.value[uint8(x>>56)]
		packed, row = packed[8:], row[8:]
	}
	for i, k := range packed {
		row[i] = u.value[k]
	}
	return dst
}

// Touch reads from every cache line of the examples' features. Rows of a memory lie apart, and
// misses overlap here that would stand in a queue while each row is written out.
func (u *Unpacker) Touch(list []*Example) {
	bits := uint32(0)
	for _, ex := range list {
		for i := 0; i < len(ex.Packed); i += 64 {
			bits |= uint32(ex.Packed[i])
		}
		for i := 0; i < len(ex.Dense); i += 16 {
			bits |= math.Float32bits(ex.Dense[i])
		}
	}
	u.touched = bits
}

// Width returns the number of dense features, whichever way they are held.
func (ex *Example) Width() int { return len(ex.Dense) + len(ex.Packed) }

// A packer holds dense features as bytes.
type packer struct {
	*Unpacker
	bytes []uint8 // scratch
}

// pack returns a copy of ex with its dense features as bytes, or ex itself if it has none
// or one that no byte stands for.
func (p *packer) pack(ex *Example) *Example {
	if len(ex.Dense) == 0 {
		return ex
	}
	p.bytes = slices.Grow(p.bytes[:0], len(ex.Dense))[:len(ex.Dense)]
	v, k, value := ex.Dense, p.bytes, &p.value
	for len(v) >= 4 && len(k) >= 4 {
		// Four that come back bit for bit; what the conversion makes of a number that
		// is no int32 does not matter, since it does not.
		k0, k1 := uint8(int32(v[0]*255+0.5)), uint8(int32(v[1]*255+0.5))
		k2, k3 := uint8(int32(v[2]*255+0.5)), uint8(int32(v[3]*255+0.5))
		differ := math.Float32bits(value[k0]) ^ math.Float32bits(v[0]) | math.Float32bits(value[k1]) ^ math.Float32bits(v[1]) |
			math.Float32bits(value[k2]) ^ math.Float32bits(v[2]) | math.Float32bits(value[k3]) ^ math.Float32bits(v[3])
		k[0], k[1], k[2], k[3] = k0, k1, k2, k3
		if differ != 0 && !p.close(v[:4], k) {
			return ex
		}
		v, k = v[4:], k[4:]
	}
	if !p.close(v, k) {
		return ex
	}
	packed := *ex
	packed.Dense, packed.Packed = nil, slices.Clone(p.bytes)
	return &packed
}

// close packs features, and reports whether they come back within the tolerance.
func (p *packer) close(features []float32, k []uint8) bool {
	for i, v := range features {
		if !(v >= 0 && v <= 1) {
			return false
		}
		k[i] = uint8(int32(v*255 + 0.5))
		if d := p.value[k[i]] - v; !(d >= -PackTolerance && d <= PackTolerance) {
			return false
		}
	}
	return true
}
