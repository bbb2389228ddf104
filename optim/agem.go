package optim

import "github.com/perennial-ml/perennial/models"

// ProjectAverage takes out of a gradient g what would raise the loss whose gradient is r
// (A-GEM; Chaudhry et al., "Efficient lifelong learning with A-GEM", 2019): where gᵀr < 0,
//
//	g <- g - (gᵀr / rᵀr) r
//
// and otherwise nothing. It reports whether it changed g. Both list the same dense tensors.
func ProjectAverage(g, r models.Params) bool {
	along := dot(g, r)
	if !(along < 0) {
		return false
	}
	square := dot(r, r)
	if !(square > 0) {
		return false
	}
	add(g, r, -along/square)
	return true
}

// dot is the inner product, added in float64 in the order of the values.
func dot(a, b models.Params) float64 {
	sum := 0.0
	for i, t := range a {
		other := b[i].Data
		for j, v := range t.Data {
			sum += float64(v) * float64(other[j]) // exact: 24 bits times 24 bits
		}
	}
	return sum
}

// add computes g <- g + scale r.
func add(g, r models.Params, scale float64) {
	for i, t := range g {
		other := r[i].Data
		for j, v := range t.Data {
			t.Data[j] = float32(float64(v) + float64(scale*float64(other[j])))
		}
	}
}
