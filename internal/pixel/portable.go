package pixel

// pack is the definition of Pack. Each product and sum is rounded by itself.
func pack(dst []uint8, src []float32) bool {
	for i, v := range src {
		if !(v > -0.5 && v < 1.5) {
			return false // near no level, and perhaps no int32
		}
		k := int32(float32(v*255) + 0.5)
		if d := number(k) - v; !(d >= -Tolerance && d <= Tolerance) {
			return false
		}
		if k&^255 != 0 {
			return false
		}
		dst[i] = uint8(k)
	}
	return true
}

// unpack is the definition of Unpack.
func unpack(dst []float32, src []uint8) {
	for i, k := range src {
		dst[i] = number(int32(k))
	}
}

func number(level int32) float32 { return float32(level) / 255 }
