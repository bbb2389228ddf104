package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

var hyper = kernel.Hyper{
	Rate: 0.01, Scale: 0.7, Factor: 0.9, Strength: 0.3, Momentum: 0.85,
	Beta1: 0.9, New1: 0.1, Correct1: 1 / (1 - 0.81), Beta2: 0.999, New2: 0.001, Correct2: 1 / (1 - 0.998001),
	Epsilon: 1e-8, Decay: 0.02,
}

// A state is what one update reads and writes.
type state struct{ theta, grad, m, v, importance, anchor []float32 }

func newState(r *rand.Rand, n int) state {
	s := state{values(r, n), values(r, n), values(r, n), values(r, n), values(r, n), values(r, n)}
	for i := range s.v {
		s.v[i] = s.v[i] * s.v[i]
	}
	return s
}

func (s state) copy() state {
	s.theta, s.m, s.v = append([]float32(nil), s.theta...), append([]float32(nil), s.m...), append([]float32(nil), s.v...)
	return s
}

var updates = map[string]func(u *kernel.Updater, to, from state, p *kernel.Penalty, h kernel.Hyper) bool{
	"sgd": func(u *kernel.Updater, to, from state, p *kernel.Penalty, h kernel.Hyper) bool {
		return u.SGD(to.theta, from.theta, from.grad, p, &h)
	},
	"momentum": func(u *kernel.Updater, to, from state, p *kernel.Penalty, h kernel.Hyper) bool {
		return u.Momentum(to.theta, from.theta, from.grad, to.v, from.v, p, &h)
	},
	"nesterov": func(u *kernel.Updater, to, from state, p *kernel.Penalty, h kernel.Hyper) bool {
		h.Nesterov = true
		return u.Momentum(to.theta, from.theta, from.grad, to.v, from.v, p, &h)
	},
	"adamw": func(u *kernel.Updater, to, from state, p *kernel.Penalty, h kernel.Hyper) bool {
		return u.AdamW(to.theta, from.theta, from.grad, to.m, from.m, to.v, from.v, p, &h)
	},
	"adagrad": func(u *kernel.Updater, to, from state, p *kernel.Penalty, h kernel.Hyper) bool {
		return u.Adagrad(to.theta, from.theta, from.grad, to.v, from.v, p, &h)
	},
}

func penalties(s state) []*kernel.Penalty {
	return []*kernel.Penalty{nil, {Anchor: s.anchor}, {Anchor: s.anchor, Importance: s.importance}}
}

func TestUpdatesHaveTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable).NewUpdater()
	families(t, func(t *testing.T, set *kernel.Set) {
		u := set.NewUpdater()
		r := rand.New(rand.NewPCG(1, 2))
		for name, update := range updates {
			for n := 1; n < 70; n++ {
				s := newState(r, n)
				h := hyper
				if n%2 == 0 { // what the assembly skips
					h.Scale, h.Factor, h.Decay = 1, 1, 0
				}
				for kind, p := range penalties(s) {
					want, got := s.copy(), s.copy()
					require.True(t, update(portable, want, want, p, h))
					require.True(t, update(u, got, got, p, h))
					msg := fmt.Sprintf("%s of %d with penalty %d", name, n, kind)
					requireBits(t, want.theta, got.theta, msg)
					requireBits(t, want.m, got.m, msg)
					requireBits(t, want.v, got.v, msg)
				}
			}
		}
	})
}

// The equations in float64.
func exactUpdate(name string, s state, i, penalty int) float64 {
	h := hyper
	theta, g, m, v := float64(s.theta[i]), float64(s.grad[i]), float64(s.m[i]), float64(s.v[i])
	switch d := theta - float64(s.anchor[i]); penalty {
	case 1:
		g += float64(h.Strength) * d
	case 2:
		g += float64(h.Strength) * float64(s.importance[i]) * d
	}
	g *= float64(h.Scale)
	step := g
	switch name {
	case "momentum":
		step = float64(h.Momentum)*v + g
	case "nesterov":
		step = g + float64(h.Momentum)*(float64(h.Momentum)*v+g)
	case "adamw":
		m = float64(h.Beta1)*m + float64(h.New1)*g
		v = float64(h.Beta2)*v + float64(h.New2)*g*g
		step = m*float64(h.Correct1)/(math.Sqrt(v*float64(h.Correct2))+float64(h.Epsilon)) + float64(h.Decay)*theta
	case "adagrad":
		step = g / (math.Sqrt(v+g*g) + float64(h.Epsilon))
	}
	return theta - float64(h.Factor)*float64(h.Rate)*step
}

func TestUpdatesAreNearTheirEquations(t *testing.T) {
	u := kernel.Best().NewUpdater()
	r := rand.New(rand.NewPCG(3, 4))
	for name, update := range updates {
		s := newState(r, 100)
		for kind, p := range penalties(s) {
			got := s.copy()
			update(u, got, s, p, hyper)
			for i, v := range got.theta {
				want := exactUpdate(name, s, i, kind)
				size := math.Abs(want) + math.Abs(float64(s.grad[i])) + math.Abs(float64(s.v[i])) +
					math.Abs(float64(s.importance[i])*float64(s.theta[i]-s.anchor[i])) + math.Abs(float64(s.anchor[i])) + 1
				require.InDelta(t, want, v, 1e-6*size, "%s with penalty %d", name, kind)
			}
		}
	}
}

func TestUpdatesTellWhatIsNotFinite(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, family := range kernel.Names() {
		u := named(t, family).NewUpdater()
		for name, update := range updates {
			for _, n := range []int{1, 15, 16, 33} {
				for _, bad := range []float32{nan, inf, -inf} {
					s := newState(r, n)
					s.grad[r.IntN(n)] = bad
					require.False(t, update(u, s.copy(), s, nil, hyper), "%s %s of %d: %v", family, name, n, bad)
				}
			}
			// Absent lanes of a register divide 0 by 0 without an epsilon.
			h := hyper
			h.Epsilon = 0
			s := newState(r, 5)
			require.True(t, update(u, s.copy(), s, nil, h), "%s %s", family, name)
		}
	}
}

func TestRowUpdatesAreUpdatesOfThoseRows(t *testing.T) {
	const dim, table = 19, 50
	rows := []int32{7, 3, 49, 0}
	for _, family := range kernel.Names() {
		u := named(t, family).NewUpdater()
		r := rand.New(rand.NewPCG(7, 8))
		s := newState(r, dim*table)
		grad := values(r, dim*len(rows))
		for name, run := range map[string]func(s state) bool{
			"sgd":     func(s state) bool { return u.SGDRows(s.theta, grad, rows, dim, &hyper) },
			"adagrad": func(s state) bool { return u.AdagradRows(s.theta, grad, s.v, rows, dim, &hyper) },
			"adamw":   func(s state) bool { return u.AdamWRows(s.theta, grad, s.m, s.v, rows, dim, &hyper) },
		} {
			want, got := s.copy(), s.copy()
			for i, row := range rows {
				at := int(row) * dim
				part := state{theta: want.theta[at:][:dim], m: want.m[at:][:dim], v: want.v[at:][:dim], grad: grad[i*dim:][:dim]}
				updates[name](u, part, part, nil, hyper)
			}
			require.True(t, run(got))
			requireBits(t, want.theta, got.theta, name)
			requireBits(t, want.m, got.m, name)
			requireBits(t, want.v, got.v, name)
		}
	}
}
