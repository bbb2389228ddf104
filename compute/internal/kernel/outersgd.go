package kernel

// SGDOuter is SGD, in place, for the gradient x yᵀ of a matrix of len(x) rows, the product that
// Ger writes: with the same bits, but that product is never written.
//
// It returns ok false, and does nothing, where it has nothing to offer: the family has no such
// kernel, or the shape or the settings are others than those it is made for.
func (u *Updater) SGDOuter(theta, x, y []float32, h *Hyper) (finite, ok bool) {
	do := u.set.f.sgdOuter
	if len(y) == 1 { // a column lies as a row does
		x, y = y, x
	}
	m, n := len(x), len(y)
	if do == nil || m == 0 || n < octet || h.Scale != 1 {
		return false, false
	}
	return do(first(theta, m*n), &x[0], &y[0], m, n, h.Rate, h.Factor) == 0, true
}
