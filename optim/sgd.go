package optim

import (
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// SGD is stochastic gradient descent, with momentum (Polyak 1964) or Nesterov's momentum
// in the form of Sutskever et al., "On the importance of initialization and momentum in
// deep learning", 2013:
//
//	u <- Momentum u + g
//	step = LearningRate u                     or, Nesterov,
//	step = LearningRate (g + Momentum u)
//
// Of a sparse tensor momentum is lazy: the rows that a gradient does not list keep their u
// and do not move.
type SGD struct {
	LearningRate float64 `yaml:"learning_rate" json:"learning_rate"` // above 0; default 0.01
	Momentum     float64 `yaml:"momentum" json:"momentum,omitempty"` // in [0, 1); default 0
	Nesterov     bool    `yaml:"nesterov" json:"nesterov,omitempty"` // needs a momentum
}

// WithDefaults fills in what is zero.
func (c SGD) WithDefaults() SGD {
	setDefault(&c.LearningRate, 0.01)
	return c
}

// Validate names the field that breaks a rule.
func (c SGD) Validate() error {
	c = c.WithDefaults()
	if err := positive("sgd.learning_rate", c.LearningRate); err != nil {
		return err
	}
	if err := fraction("sgd.momentum", c.Momentum); err != nil {
		return err
	}
	if c.Nesterov && c.Momentum == 0 {
		return configError("sgd.nesterov", "is true, must be false without a momentum")
	}
	return nil
}

// Build returns the Transform for these parameters.
func (c SGD) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &sgd{SGD: c.WithDefaults()}
	if s.Momentum > 0 {
		s.momentum = newSlot("momentum", params)
		s.mem.slots = []*slot{s.momentum}
	}
	return single("sgd", s, params), nil
}

type sgd struct {
	SGD
	momentum *slot // nil without momentum
	mem      memory
}

func (s *sgd) memory() *memory { return &s.mem }

func (s *sgd) propose(grad, _ models.Params) {
	rate, mu := float32(s.LearningRate), float32(s.Momentum)
	if s.momentum == nil {
		for _, t := range grad {
			for j, g := range t.Data {
				t.Data[j] = rate * g
			}
		}
		return
	}
	for i, t := range grad {
		n := len(t.Data)
		old, u := s.momentum.pair(i, &t)
		old, u = old[:n], u[:n]
		if s.Nesterov {
			for j, g := range t.Data {
				v := float32(mu*old[j]) + g
				u[j] = v
				t.Data[j] = rate * (g + float32(mu*v))
			}
			continue
		}
		for j, g := range t.Data {
			v := float32(mu*old[j]) + g
			u[j] = v
			t.Data[j] = rate * v
		}
	}
}

func (s *sgd) tame(k compute.Arithmetic, _ models.Params) bool {
	return s.LearningRate <= 1 && s.Momentum <= tameDecay &&
		(s.momentum == nil || within(k, s.momentum.cur, tameMean))
}

// idle implements idler.
func (s *sgd) idle() bool { return s.momentum == nil }

func (s *sgd) settings(h *compute.Hyper) {
	*h = compute.Hyper{Rate: float32(s.LearningRate), Momentum: float32(s.Momentum), Nesterov: s.Nesterov}
}

// descendRows implements multiplier.
func (s *sgd) descendRows(u *compute.Updater, g product, theta *models.Param, from, to, member int, h *compute.Hyper) (finite, ok bool) {
	if s.momentum != nil {
		return false, false
	}
	return g.Descend(u, theta.Data, from, to, member, h)
}

// descendOuter implements outer.
func (s *sgd) descendOuter(u *compute.Updater, _ int, theta *models.Param, x, y []float32, h *compute.Hyper) (finite, ok bool) {
	if s.momentum != nil {
		return false, false
	}
	return u.SGDOuter(theta.Data, x, y, h)
}

func (s *sgd) descend(u *compute.Updater, i, at int, theta, grad *models.Param, h *compute.Hyper) bool {
	switch {
	case s.momentum == nil && theta.Sparse:
		return u.SGDRows(theta.Data, grad.Data, grad.Rows, theta.Width(), h)
	case s.momentum == nil:
		return u.SGD(theta.Data, theta.Data, grad.Data, nil, h)
	}
	v := s.momentum.cur[i].Data[at:]
	if theta.Sparse {
		return u.MomentumRows(theta.Data, grad.Data, v, grad.Rows, theta.Width(), h)
	}
	return u.Momentum(theta.Data, theta.Data, grad.Data, v, v, nil, h)
}
