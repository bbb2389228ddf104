package kernel

// updates returns the Go forms of the fused optimizer steps.
func updates() [updateCount]func(u *update) float32 {
	var list [updateCount]func(u *update) float32
	for kind := range updateKinds {
		for penalty := range 3 {
			list[3*kind+penalty] = func(u *update) float32 { return step(u, kind, penalty) }
		}
	}
	return list
}

func step(u *update, kind, penalty int) float32 {
	n := u.n
	dst, theta, grad := view(u.dst, n), view(u.theta, n), view(u.grad, n)
	var m2, m, v2, v, importance, anchor []float32
	if kind == updateAdamW {
		m2, m = view(u.m2, n), view(u.m, n)
	}
	if kind != updateSGD {
		v2, v = view(u.v2, n), view(u.v, n)
	}
	if penalty > 0 {
		anchor = view(u.anchor, n)
	}
	if penalty == 2 {
		importance = view(u.importance, n)
	}
	var bad float32
	for i, g := range grad {
		t := theta[i]
		switch penalty {
		case 1:
			g += float32(u.strength * (t - anchor[i]))
		case 2:
			g += float32(float32(u.strength*importance[i]) * (t - anchor[i]))
		}
		g *= u.scale
		var s float32
		switch kind {
		case updateSGD:
			s = float32(u.rate * g)
		case updateMomentum, updateNesterov:
			w := float32(u.momentum*v[i]) + g
			v2[i] = w
			bad += w * 0
			if kind == updateNesterov {
				w = g + float32(u.momentum*w)
			}
			s = float32(u.rate * w)
		case updateAdamW:
			a := float32(u.beta1*m[i]) + float32(u.new1*g)
			w := float32(u.beta2*v[i]) + float32(u.new2*float32(g*g))
			m2[i], v2[i] = a, w
			bad += a*0 + w*0
			s = float32(u.rate * (float32(a*u.correct1)/(sqrt32(float32(w*u.correct2))+u.epsilon) + float32(u.decay*t)))
		case updateAdagrad:
			w := v[i] + float32(g*g)
			v2[i] = w
			bad += w * 0
			s = float32(u.rate*g) / (sqrt32(w) + u.epsilon)
		}
		t -= float32(u.factor * s)
		dst[i] = t
		bad += t * 0
	}
	return bad
}
