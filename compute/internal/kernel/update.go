package kernel

// The kinds of update, each without a penalty, with a quadratic one, and with one that is
// weighted by element.
const (
	updateSGD = iota
	updateMomentum
	updateNesterov
	updateAdamW
	updateAdagrad
	updateKinds
	updateCount = 3 * updateKinds
)

// Hyper are the settings of an update; those that a method does not name in its equation
// are ignored. In every equation
//
//	g = Scale (grad + penalty)
//
// where the penalty is absent, Strength (θ - anchor), or Strength importance (θ - anchor).
// Each product and each sum is rounded by itself, in the order that the equations are
// written in, as in package optim: the families and optim agree bit for bit.
type Hyper struct {
	Rate     float32 // learning rate
	Scale    float32 // of the gradient: 1, or less where its norm is clipped
	Factor   float32 // of the step, from a schedule; 1 without
	Strength float32 // of the penalty

	Momentum float32
	Nesterov bool

	Beta1, New1, Correct1 float32 // β₁, 1-β₁ and 1/(1-β₁ᵗ)
	Beta2, New2, Correct2 float32 // the same of β₂
	Epsilon               float32
	Decay                 float32 // decoupled weight decay
	PerAlpha              float32 // of FTRL
}

// A Penalty pulls parameters to an anchor. Without Importance every element weighs the
// same. A nil *Penalty is none.
type Penalty struct{ Importance, Anchor []float32 }

// An Updater applies fused optimizer steps: one pass that reads gradient, parameters and
// state, and writes parameters and state. It holds the arguments of the call that is
// running, so that nothing is allocated, and belongs to one goroutine at a time.
//
// Each method reads θ and state from one slice and writes them to another, which may be
// the same memory. It returns false if anything written is not finite: who lets both be
// one then has damaged θ, so it either checks the gradient before (Finite) or writes to a
// second copy and swaps.
type Updater struct {
	set *Set
	u   update
	o   outer

	// What was gathered from rows of one element.
	theta, m, v [ahead]float32
}

// NewUpdater returns an Updater with the kernels of s.
func (s *Set) NewUpdater() *Updater { return &Updater{set: s} }

// update is what the assembly reads; its offsets are those of the generator.
type update struct {
	dst, theta, grad      *float32 // θ', θ, g
	m2, m, v2, v          *float32
	importance, anchor    *float32
	n                     int
	rate, scale, factor   float32
	strength, momentum    float32
	beta1, new1, correct1 float32
	beta2, new2, correct2 float32
	epsilon, decay        float32
	perAlpha              float32
}

// SGD computes θ' = θ - Factor (Rate g).
func (u *Updater) SGD(dst, theta, grad []float32, p *Penalty, h *Hyper) bool {
	return u.run(updateSGD, dst, theta, grad, nil, nil, nil, nil, p, h)
}

// Momentum computes v' = Momentum v + g, and θ' = θ - Factor (Rate v') or, with Nesterov,
// θ' = θ - Factor (Rate (g + Momentum v')).
func (u *Updater) Momentum(dst, theta, grad, v2, v []float32, p *Penalty, h *Hyper) bool {
	kind := updateMomentum
	if h.Nesterov {
		kind = updateNesterov
	}
	return u.run(kind, dst, theta, grad, nil, nil, v2, v, p, h)
}

// AdamW computes
//
//	m' = Beta1 m + New1 g
//	v' = Beta2 v + New2 (g g)
//	θ' = θ - Factor (Rate ((m' Correct1) / (sqrt(v' Correct2) + Epsilon) + Decay θ))
func (u *Updater) AdamW(dst, theta, grad, m2, m, v2, v []float32, p *Penalty, h *Hyper) bool {
	return u.run(updateAdamW, dst, theta, grad, m2, m, v2, v, p, h)
}

// Adagrad computes s' = s + g g and θ' = θ - Factor ((Rate g) / (sqrt(s') + Epsilon)).
func (u *Updater) Adagrad(dst, theta, grad, s2, s []float32, p *Penalty, h *Hyper) bool {
	return u.run(updateAdagrad, dst, theta, grad, nil, nil, s2, s, p, h)
}

func (u *Updater) run(kind int, dst, theta, grad, m2, m, v2, v []float32, p *Penalty, h *Hyper) bool {
	n := len(dst)
	if n == 0 {
		return true
	}
	if n == 1 && kind == updateSGD && p == nil {
		dst[0] = theta[0] - float32(h.Factor*float32(h.Rate*float32(h.Scale*grad[0])))
		return dst[0]*0 == 0
	}
	if n == 1 && kind == updateAdagrad && p == nil {
		g := h.Scale * grad[0]
		sum := v[0] + float32(g*g)
		to := theta[0] - float32(h.Factor*(float32(h.Rate*g)/(sqrt32(sum)+h.Epsilon)))
		dst[0], v2[0] = to, sum
		return to*0 == 0 && sum*0 == 0
	}
	u.hyper(h)
	u.u.n = n
	u.u.dst, u.u.theta, u.u.grad = first(dst, n), first(theta, n), first(grad, n)
	if kind == updateAdamW {
		u.u.m2, u.u.m = first(m2, n), first(m, n)
	}
	if kind != updateSGD {
		u.u.v2, u.u.v = first(v2, n), first(v, n)
	}
	variant := 0
	if p != nil {
		variant = 1
		u.u.anchor = first(p.Anchor, n)
		if p.Importance != nil {
			variant = 2
			u.u.importance = first(p.Importance, n)
		}
	}
	return u.set.f.update[3*kind+variant](&u.u) == 0
}

func (u *Updater) hyper(h *Hyper) {
	u.u.rate, u.u.scale, u.u.factor, u.u.strength = h.Rate, h.Scale, h.Factor, h.Strength
	u.u.momentum, u.u.epsilon, u.u.decay, u.u.perAlpha = h.Momentum, h.Epsilon, h.Decay, h.PerAlpha
	u.u.beta1, u.u.new1, u.u.correct1 = h.Beta1, h.New1, h.Correct1
	u.u.beta2, u.u.new2, u.u.correct2 = h.Beta2, h.New2, h.Correct2
}

// first returns where n elements begin.
func first(x []float32, n int) *float32 {
	_ = x[n-1]
	return &x[0]
}
