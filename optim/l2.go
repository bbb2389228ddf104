package optim

import "github.com/perennial-ml/perennial/models"

// L2 pulls the parameters back to where they were at the last consolidation: the gradient
// of Strength/2 ‖θ-θ*‖²,
//
//	g <- g + Strength (θ - θ*)
//
// Until the first consolidation it does nothing. It is the baseline that EWC and its like
// have to beat (Kirkpatrick et al. 2017, figure 2).
type L2 struct {
	Strength float64 `yaml:"strength" json:"strength"` // above 0; default 0.01
}

// WithDefaults fills in what is zero.
func (c L2) WithDefaults() L2 {
	setDefault(&c.Strength, 0.01)
	return c
}

// Validate names the field that breaks a rule.
func (c L2) Validate() error { return positive("l2.strength", c.WithDefaults().Strength) }

// Build returns the Transform for these parameters.
func (c L2) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := denseOnly("l2", params); err != nil {
		return nil, err
	}
	l := &l2{L2: c.WithDefaults(), anchor: newSlot("anchor", params), phases: &counter{name: "consolidations"}}
	l.mem = memory{slots: []*slot{l.anchor}, counters: []*counter{l.phases}}
	return single("l2", l, params), nil
}

type l2 struct {
	L2
	anchor *slot
	phases *counter
	mem    memory
}

func (l *l2) memory() *memory { return &l.mem }

func (l *l2) propose(grad, params models.Params) {
	if l.phases.cur == 0 {
		return
	}
	strength := float32(l.Strength)
	for i, t := range grad {
		theta, anchor := params[i].Data, l.anchor.cur[i].Data
		for j, g := range t.Data {
			t.Data[j] = g + float32(strength*(theta[j]-anchor[j]))
		}
	}
}

// consolidate implements consolidating.
func (l *l2) consolidate(params models.Params, _ Evidence) error {
	_, anchor := l.anchor.write()
	for i, t := range params {
		copy(anchor[i].Data, t.Data)
	}
	l.phases.next++
	return nil
}
