package optim

import "github.com/perennial-ml/perennial/models"

// L2SP pulls the parameters back to where learning started (Li et al., "Explicit inductive
// bias for transfer learning with convolutional networks", 2018): the gradient of
// Strength/2 ‖θ-θ⁰‖²,
//
//	g <- g + Strength (θ - θ⁰)
//
// θ⁰ are the parameters that Build was given; they are part of the state. The paper's
// second term, for parameters that the starting point lacks, has nothing to act on here. Of a
// sparse tensor only the rows that a gradient lists are pulled.
type L2SP struct {
	Strength float64 `yaml:"strength" json:"strength"` // above 0; default 0.01
}

// WithDefaults fills in what is zero.
func (c L2SP) WithDefaults() L2SP {
	setDefault(&c.Strength, 0.01)
	return c
}

// Validate names the field that breaks a rule.
func (c L2SP) Validate() error { return positive("l2sp.strength", c.WithDefaults().Strength) }

// Build returns the Transform for these parameters, which it copies.
func (c L2SP) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	l := &l2sp{L2SP: c.WithDefaults(), start: &slot{name: "start", cur: params.Clone(), dirty: models.NewDirty(params)}}
	l.mem.slots = []*slot{l.start}
	return single("l2sp", l, params), nil
}

type l2sp struct {
	L2SP
	start         *slot // never proposed, hence without a next copy
	theta, origin picked
	mem           memory
}

func (l *l2sp) memory() *memory { return &l.mem }

func (l *l2sp) propose(grad, params models.Params) {
	strength := float32(l.Strength)
	for i, t := range grad {
		theta, start := l.theta.of(&params[i], &t), l.origin.of(&l.start.cur[i], &t)
		for j, g := range t.Data {
			t.Data[j] = g + float32(strength*(theta[j]-start[j]))
		}
	}
}
