package optim

import (
	"math"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// Adagrad divides by the root of all squared gradients so far (Duchi et al., "Adaptive
// subgradient methods for online learning and stochastic optimization", 2011):
//
//	s <- s + g²
//	step = LearningRate g / (sqrt(s) + Epsilon)
type Adagrad struct {
	LearningRate float64 `yaml:"learning_rate" json:"learning_rate"` // above 0; default 0.01
	Epsilon      float64 `yaml:"epsilon" json:"epsilon"`             // above 0; default 1e-10
	// Initial is what s starts with, at least 0; default 0.
	Initial float64 `yaml:"initial" json:"initial,omitempty"`
}

// WithDefaults fills in what is zero.
func (c Adagrad) WithDefaults() Adagrad {
	setDefault(&c.LearningRate, 0.01)
	setDefault(&c.Epsilon, 1e-10)
	return c
}

// Validate names the field that breaks a rule.
func (c Adagrad) Validate() error {
	c = c.WithDefaults()
	return firstError(
		positive("adagrad.learning_rate", c.LearningRate),
		positive("adagrad.epsilon", c.Epsilon),
		notNegative("adagrad.initial", c.Initial),
	)
}

// Build returns the Transform for these parameters.
func (c Adagrad) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &adagrad{Adagrad: c.WithDefaults(), sum: newSlot("sum", params)}
	a.start(params)
	a.mem.slots = []*slot{a.sum}
	return single("adagrad", a, params), nil
}

type adagrad struct {
	Adagrad
	sum *slot
	mem memory
}

func (a *adagrad) memory() *memory { return &a.mem }

func (a *adagrad) start(models.Params) {
	for _, t := range a.sum.cur {
		for j := range t.Data {
			t.Data[j] = float32(a.Initial)
		}
	}
}

func (a *adagrad) propose(grad, _ models.Params) {
	rate, eps := float32(a.LearningRate), float32(a.Epsilon)
	for i, t := range grad {
		old, sum := a.sum.pair(i, &t)
		for j, g := range t.Data {
			s := old[j] + float32(g*g)
			sum[j] = s
			t.Data[j] = float32(rate*g) / (sqrt(s) + eps)
		}
	}
}

func (a *adagrad) tame(k compute.Arithmetic, _ models.Params) bool {
	return a.LearningRate <= 1 && a.Epsilon >= tameEpsilon && within(k, a.sum.cur, tameSquares) && unsigned(a.sum.cur)
}

// unsigned says that no dense element is below 0, or -0: a gradient of 0 leaves it as it is.
func unsigned(p models.Params) bool {
	for _, t := range p {
		for _, v := range t.Data {
			if !t.Sparse && math.Signbit(float64(v)) {
				return false
			}
		}
	}
	return true
}

// descendOuter implements outer.
func (a *adagrad) descendOuter(u *compute.Updater, i int, theta *models.Param, x, y []float32, h *compute.Hyper) (finite, ok bool) {
	return u.AdagradOuter(theta.Data, a.sum.cur[i].Data, x, y, h)
}

// idle implements idler: no sum is -0, see tame.
func (a *adagrad) idle() bool { return true }

func (a *adagrad) settings(h *compute.Hyper) {
	*h = compute.Hyper{Rate: float32(a.LearningRate), Epsilon: float32(a.Epsilon)}
}

func (a *adagrad) descend(u *compute.Updater, i, at int, theta, grad *models.Param, h *compute.Hyper) bool {
	s := a.sum.cur[i].Data[at:]
	if theta.Sparse {
		return u.AdagradRows(theta.Data, grad.Data, s, grad.Rows, theta.Width(), h)
	}
	return u.Adagrad(theta.Data, theta.Data, grad.Data, s, s, nil, h)
}
