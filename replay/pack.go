package replay

// PackTolerance is how far a feature may be from k/255 to be held as the byte k. It covers
// six decimals; a producer that sends float32 or more digits is off by nothing.
const PackTolerance = 1e-6

// pack returns a copy of ex with its dense features as bytes, or ex itself if it has none
// or one that no byte stands for.
func pack(ex *Example) *Example {
	if len(ex.Dense) == 0 {
		return ex
	}
	for _, v := range ex.Dense {
		d := nearest(v) - v
		if !(d >= -PackTolerance && d <= PackTolerance) {
			return ex
		}
	}
	packed := *ex
	packed.Dense, packed.Packed = nil, make([]uint8, len(ex.Dense))
	for i, v := range ex.Dense {
		packed.Packed[i] = level(v)
	}
	return &packed
}

// level returns the k in 0..255 for which k/255 is closest to v; 0 for a NaN.
func level(v float32) uint8 {
	if !(v > 0) {
		return 0
	}
	return uint8(min(v, 1)*255 + 0.5)
}

func nearest(v float32) float32 { return float32(level(v)) / 255 }

// An Unpacker gives dense features back as numbers.
type Unpacker struct{ value [256]float32 }

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
	if need := from + len(ex.Packed); need > cap(dst) {
		dst = append(dst, make([]float32, len(ex.Packed))...)
	} else {
		dst = dst[:need]
	}
	row := dst[from:]
	for i, k := range ex.Packed[:len(row)] {
		row[i] = u.value[k]
	}
	return dst
}

// Width returns the number of dense features, whichever way they are held.
func (ex *Example) Width() int { return len(ex.Dense) + len(ex.Packed) }
