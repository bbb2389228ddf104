package models

// Splines are the columns that Spec.Splines puts beside each numeric input x, so that a layer
// computes a piecewise linear function of it where it computes a linear one. They are the
// B-splines of order two (de Boor, "A practical guide to splines", 1978) over K knots
//
//	t_j = -SplineReach + 2 SplineReach j/(K-1)      j = 0 ... K-1
//	B_j(x) = max(0, 1 - |x - t_j| (K-1)/(2 SplineReach))
//
// with x held within the outermost knots: at most two of the K differ from zero, and they add
// up to one. Their sums are those of a piecewise linear encoding with the same knots
// (Gorishniy et al., "On embeddings for numerical features in tabular deep learning", 2022).
// Weights of a column are learned by the values near its knot alone, and a value that comes
// often, as one of few, has columns nearly of its own.

// SplineReach is the place of the outermost knots: inputs are meant to be standardised.
const SplineReach = 2

// MaxSplines bounds Spec.Splines.
const MaxSplines = 64

// numbers returns how many columns the dense inputs have: each is followed by none, or all of
// them by the splines of the first, of the second, and so on.
func (s Spec) numbers() int { return s.Dense * (1 + s.Splines) }

// checkSplines holds the rules of Splines that do not depend on the kind.
func (s Spec) checkSplines() error {
	switch {
	case s.Splines == 0:
		return nil
	case s.Splines < 3 || s.Splines > MaxSplines:
		return specError("splines", "is %d, must be absent or between 3 and %d", s.Splines, MaxSplines)
	case s.Dense == 0:
		return specError("splines", "is %d, must be absent without dense inputs", s.Splines)
	case s.numbers() > MaxInputs:
		return specError("splines", "widens the %d dense inputs to %d columns, must be at most %d", s.Dense, s.numbers(), MaxInputs)
	}
	return nil
}

// expand writes the columns of a row's finite dense inputs to dst, numbers() zeros.
func (s Spec) expand(dst, dense []float32) {
	k := s.Splines
	at := dst[copy(dst, dense):]
	knots := float32(k-1) / (2 * SplineReach) // in a unit of x
	for _, x := range dense {
		// Conversions keep products and sums apart: no processor may join them.
		place := float32((min(max(x, -SplineReach), SplineReach) + SplineReach) * knots)
		j := min(int(place), k-2)
		share := place - float32(j)
		at[j], at[j+1] = 1-share, share
		at = at[k:]
	}
}
