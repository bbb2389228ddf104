package kernel

import "unsafe"

// An FTRL step, FTRL-Proximal of McMahan et al. 2013, has the settings
//
//	PerAlpha = 1/α    Beta1 = β    Strength = λ1    Decay = λ2
//
// of a Hyper, and Scale. It computes, with g = Scale grad,
//
//	n' = n + g g    z' = z + g - ((sqrt(n') - sqrt(n)) PerAlpha) θ
//	w  = 0 where |z'| <= λ1, else -(z' - sign(z') λ1) / ((β + sqrt(n')) PerAlpha + λ2)
//	θ' = θ - (θ - w)
//
// with each product and sum rounded by itself.
func (u *Updater) FTRL(theta, grad, z, n []float32, h *Hyper) bool {
	switch len(grad) {
	case 0:
		return true
	case 1: // as a bias may be
		w, z2, n2 := FTRLNext(theta[0], float32(h.Scale*grad[0]), z[0], n[0], h)
		t := theta[0] - (theta[0] - w)
		theta[0], z[0], n[0] = t, z2, n2
		return t*0+z2*0+n2*0 == 0
	}
	u.hyper(h)
	return u.ftrl(theta, grad, z, n)
}

func (u *Updater) ftrl(theta, grad, z, n []float32) bool {
	c, size := &u.u, len(grad)
	c.n, c.theta, c.grad, c.m, c.v = size, first(theta, size), &grad[0], first(z, size), first(n, size)
	if size == 1 {
		return stepFTRL(c) == 0
	}
	return u.set.f.ftrl(c) == 0
}

// stepFTRL is the Go form.
func stepFTRL(u *update) float32 {
	c := ftrl{u.perAlpha, u.beta1, u.strength, u.decay, u.scale}
	theta, z, n := view(u.theta, u.n), view(u.m, u.n), view(u.v, u.n)
	var bad float32
	for i, g := range view(u.grad, u.n) {
		w, z2, n2 := c.next(theta[i], float32(c.scale*g), z[i], n[i])
		t := theta[i] - (theta[i] - w)
		theta[i], z[i], n[i] = t, z2, n2
		bad += t*0 + z2*0 + n2*0
	}
	return bad
}

// FTRLRows is FTRL on rows, as AdagradRows is.
func (u *Updater) FTRLRows(theta, grad, z, n []float32, rows []int32, dim int, h *Hyper) bool {
	if dim == 0 {
		return true
	}
	u.hyper(h)
	finite := true
	for base := 0; base < len(rows); base += ahead {
		part := rows[base:min(base+ahead, len(rows))]
		if len(rows) > ahead {
			u.set.Prefetch(theta, part, dim)
			u.set.Prefetch(z, part, dim)
			u.set.Prefetch(n, part, dim)
		}
		if dim == 1 {
			k := len(part)
			for i, r := range part {
				u.theta[i], u.m[i], u.v[i] = theta[r], z[r], n[r]
			}
			finite = u.ftrl(u.theta[:k], grad[base:base+k], u.m[:k], u.v[:k]) && finite
			for i, r := range part {
				theta[r], z[r], n[r] = u.theta[i], u.m[i], u.v[i]
			}
			continue
		}
		for i, r := range part {
			from, to := int(r)*dim, (int(r)+1)*dim
			finite = u.ftrl(theta[from:to], grad[(base+i)*dim:(base+i+1)*dim], z[from:to], n[from:to]) && finite
		}
	}
	return finite
}

// FTRLPairs is FTRLRows for a table of one column, of whose row r z and n are elements 2r and
// 2r+1 of pairs.
func (u *Updater) FTRLPairs(theta, grad, pairs []float32, rows []int32, h *Hyper) bool {
	u.hyper(h)
	zn, finite := twos(pairs), true
	for base := 0; base < len(rows); base += ahead {
		part := rows[base:min(base+ahead, len(rows))]
		if len(rows) > ahead {
			u.set.Prefetch(theta, part, 1)
			u.set.Prefetch(pairs, part, 2)
		}
		grad := grad[base : base+len(part)]
		if whole := len(part) &^ 7; whole > 0 && u.set.f.ftrlPairs != nil && u.set.within(part, 0, min(len(zn), len(theta))) {
			u.u.theta, u.u.grad, u.u.m = &theta[0], &grad[0], &pairs[0]
			finite = u.set.f.ftrlPairs(&u.u, &part[0], whole) == 0 && finite
			part, grad = part[whole:], grad[whole:]
			if len(part) == 0 {
				continue
			}
		}
		k := len(part)
		for i, r := range part {
			both := &zn[r]
			u.theta[i], u.m[i], u.v[i] = theta[r], both[0], both[1]
		}
		finite = u.ftrl(u.theta[:k], grad, u.m[:k], u.v[:k]) && finite
		for i, r := range part {
			both := &zn[r]
			theta[r], both[0], both[1] = u.theta[i], u.m[i], u.v[i]
		}
	}
	return finite
}

// twos views x as pairs of neighbours.
func twos(x []float32) [][2]float32 {
	if len(x) < 2 {
		return nil
	}
	return unsafe.Slice((*[2]float32)(unsafe.Pointer(&x[0])), len(x)/2)
}

type ftrl struct{ perAlpha, beta, l1, l2, scale float32 }

func ftrlOf(h *Hyper) ftrl { return ftrl{h.PerAlpha, h.Beta1, h.Strength, h.Decay, h.Scale} }

// next returns w, z' and n'.
func (c *ftrl) next(theta, g, z, n float32) (w, z2, n2 float32) {
	n2 = n + float32(g*g)
	root := sqrt32(n2)
	z2 = z + g - float32(float32((root-sqrt32(n))*c.perAlpha)*theta)
	short := z2 - c.l1
	if z2 < 0 {
		short = z2 + c.l1
	}
	if z2 <= c.l1 && z2 >= -c.l1 {
		return 0, z2, n2
	}
	return -short / (float32((c.beta+root)*c.perAlpha) + c.l2), z2, n2
}

// FTRLNext is FTRL for one value whose gradient is scaled: it returns w, z' and n'.
func FTRLNext(theta, g, z, n float32, h *Hyper) (w, z2, n2 float32) {
	c := ftrlOf(h)
	return c.next(theta, g, z, n)
}
