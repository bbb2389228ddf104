package optim

import "github.com/perennial-ml/perennial/models"

// EWC is online elastic weight consolidation (Schwarz et al., "Progress & compress", 2018,
// after Kirkpatrick et al. 2017). It pulls each parameter back to where it was when
// something was last known to be learned, the harder the more the loss depended on it:
//
//	g <- g + Strength F (θ - θ*)
//
// Meanwhile it adds up g², the gradient before that line. At a consolidation after n
// steps,
//
//	F <- Decay F + Σ g²/n      θ* <- θ      Σ g² <- 0
//
// F is the diagonal of the empirical Fisher information: squared gradients of the loss at
// the labels that came, not at labels drawn from the model. It is taken from the gradient
// of each batch, which is a mean over rows, so it is smaller than the mean over single
// rows by about the batch size; Strength makes up for that. Until the first consolidation F
// is 0.
//
// It takes no sparse tensors: a consolidation would pass over every row of a table, and what
// was guarded would be told from what was rarely seen by nothing.
type EWC struct {
	Strength float64 `yaml:"strength" json:"strength"` // above 0; default 1
	Decay    float64 `yaml:"decay" json:"decay"`       // γ in (0, 1]; default 0.95
	// Every is the number of steps between consolidations; default 0: only when
	// Pipeline.Consolidate is called.
	Every uint64 `yaml:"every" json:"every,omitempty"`
}

// WithDefaults fills in what is zero.
func (c EWC) WithDefaults() EWC {
	setDefault(&c.Strength, 1)
	setDefault(&c.Decay, 0.95)
	return c
}

// Validate names the field that breaks a rule.
func (c EWC) Validate() error {
	c = c.WithDefaults()
	if !(c.Decay > 0 && c.Decay <= 1) {
		return configError("ewc.decay", "is %v, must be in (0, 1]", c.Decay)
	}
	return positive("ewc.strength", c.Strength)
}

// Build returns the Transform for these parameters.
func (c EWC) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := denseOnly("ewc", params); err != nil {
		return nil, err
	}
	e := &ewc{
		EWC:     c.WithDefaults(),
		fisher:  newSlot("fisher", params),
		anchor:  newSlot("anchor", params),
		squares: newSlot("squares", params),
		steps:   &counter{name: "steps"},
		phases:  &counter{name: "consolidations"},
	}
	e.mem = memory{
		slots:    []*slot{e.fisher, e.anchor, e.squares},
		counters: []*counter{e.steps, e.phases},
	}
	return single("ewc", e, params), nil
}

type ewc struct {
	EWC
	fisher, anchor, squares *slot
	steps                   *counter // since the last consolidation
	phases                  *counter // consolidations so far
	mem                     memory
}

func (e *ewc) memory() *memory { return &e.mem }

func (e *ewc) propose(grad, params models.Params) {
	strength := float32(e.Strength)
	cur, next := e.squares.write()
	for i, t := range grad {
		theta, fisher, anchor := params[i].Data, e.fisher.cur[i].Data, e.anchor.cur[i].Data
		old, squares := cur[i].Data, next[i].Data
		for j, g := range t.Data {
			squares[j] = old[j] + float32(g*g)
			t.Data[j] = g + float32(float32(strength*fisher[j])*(theta[j]-anchor[j]))
		}
	}
	e.steps.next++
	if e.Every > 0 && e.steps.next >= e.Every {
		e.close(next, params)
	}
}

// consolidate proposes a consolidation between two steps. Without a gradient since the
// last one there is nothing to consolidate.
func (e *ewc) consolidate(params models.Params) {
	if e.steps.cur > 0 {
		e.close(e.squares.cur, params)
	}
}

// close proposes a new F and θ* from the sum of squares, and a sum of zero.
func (e *ewc) close(squares, params models.Params) {
	decay, n := float32(e.Decay), float32(e.steps.next)
	f0, f1 := e.fisher.write()
	_, anchor := e.anchor.write()
	_, zero := e.squares.write()
	for i := range squares {
		for j, s := range squares[i].Data {
			f1[i].Data[j] = float32(decay*f0[i].Data[j]) + s/n
		}
		copy(anchor[i].Data, params[i].Data)
		clear(zero[i].Data)
	}
	e.steps.next = 0
	e.phases.next++
}
