package optim

import (
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay
// regularization", 2019; Kingma and Ba, 2015). In step t = 1, 2, ...:
//
//	m <- Beta1 m + (1-Beta1) g
//	v <- Beta2 v + (1-Beta2) g²
//	step = LearningRate ( m/(1-Beta1^t) / (sqrt(v/(1-Beta2^t)) + Epsilon) + WeightDecay θ )
//
// Every tensor decays, biases too. A Schedule behind it scales the decay as well. Of a
// sparse tensor it is lazy: the rows that a gradient does not list keep their m, their v and
// their values, while t counts every step.
type AdamW struct {
	LearningRate float64 `yaml:"learning_rate" json:"learning_rate"`         // above 0; default 0.001
	Beta1        float64 `yaml:"beta1" json:"beta1"`                         // in (0, 1); default 0.9
	Beta2        float64 `yaml:"beta2" json:"beta2"`                         // in (0, 1); default 0.999
	Epsilon      float64 `yaml:"epsilon" json:"epsilon"`                     // above 0; default 1e-8
	WeightDecay  float64 `yaml:"weight_decay" json:"weight_decay,omitempty"` // at least 0; default 0
}

// WithDefaults fills in what is zero.
func (c AdamW) WithDefaults() AdamW {
	setDefault(&c.LearningRate, 0.001)
	setDefault(&c.Beta1, 0.9)
	setDefault(&c.Beta2, 0.999)
	setDefault(&c.Epsilon, 1e-8)
	return c
}

// Validate names the field that breaks a rule.
func (c AdamW) Validate() error {
	c = c.WithDefaults()
	return firstError(
		positive("adamw.learning_rate", c.LearningRate),
		fraction("adamw.beta1", c.Beta1),
		fraction("adamw.beta2", c.Beta2),
		positive("adamw.epsilon", c.Epsilon),
		notNegative("adamw.weight_decay", c.WeightDecay),
	)
}

// Build returns the Transform for these parameters.
func (c AdamW) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &adamW{
		AdamW: c.WithDefaults(),
		m:     newSlot("m", params),
		v:     newSlot("v", params),
		steps: &counter{name: "steps"},
	}
	a.mem = memory{slots: []*slot{a.m, a.v}, counters: []*counter{a.steps}}
	return single("adamw", a, params), nil
}

type adamW struct {
	AdamW
	m, v  *slot
	steps *counter
	theta picked
	mem   memory
}

func (a *adamW) memory() *memory { return &a.mem }

func (a *adamW) propose(grad, params models.Params) {
	var h compute.Hyper
	a.settings(&h)
	for i, tensor := range grad {
		theta := a.theta.of(&params[i], &tensor)
		mOld, mNew := a.m.pair(i, &tensor)
		vOld, vNew := a.v.pair(i, &tensor)
		for j, g := range tensor.Data {
			m := float32(h.Beta1*mOld[j]) + float32(h.New1*g)
			v := float32(h.Beta2*vOld[j]) + float32(h.New2*float32(g*g))
			mNew[j], vNew[j] = m, v
			tensor.Data[j] = h.Rate * (float32(m*h.Correct1)/(sqrt(v*h.Correct2)+h.Epsilon) + float32(h.Decay*theta[j]))
		}
	}
}

func (a *adamW) tame(k compute.Arithmetic, _ models.Params) bool {
	return a.LearningRate <= 1 && a.WeightDecay <= 1 && a.Beta1 <= tameDecay && a.Epsilon >= tameEpsilon &&
		within(k, a.m.cur, tameMean) && within(k, a.v.cur, tameSquares)
}

func (a *adamW) settings(h *compute.Hyper) {
	a.steps.next++
	t := a.steps.next
	*h = compute.Hyper{
		Rate: float32(a.LearningRate), Epsilon: float32(a.Epsilon), Decay: float32(a.WeightDecay),
		Beta1: float32(a.Beta1), New1: float32(1 - a.Beta1), Correct1: float32(1 / (1 - pow(a.Beta1, t))),
		Beta2: float32(a.Beta2), New2: float32(1 - a.Beta2), Correct2: float32(1 / (1 - pow(a.Beta2, t))),
	}
}

func (a *adamW) descend(u *compute.Updater, i, at int, theta, grad *models.Param, h *compute.Hyper) bool {
	m, v := a.m.cur[i].Data[at:], a.v.cur[i].Data[at:]
	if theta.Sparse {
		return u.AdamWRows(theta.Data, grad.Data, m, v, grad.Rows, theta.Width(), h)
	}
	return u.AdamW(theta.Data, theta.Data, grad.Data, m, m, v, v, nil, h)
}
