package optim

import (
	"errors"

	"github.com/perennial-ml/perennial/models"
)

// How EWC estimates the Fisher information.
const (
	// FisherStreaming adds up the squared gradients of the batches that were learned:
	// means over rows, and so smaller than those of single rows by about the batch size.
	// It needs no example again.
	FisherStreaming = "streaming"
	// FisherEmpirical squares the gradients of single examples at their labels.
	FisherEmpirical = "empirical"
	// FisherTrue squares them at one label that is drawn from the model for each example.
	FisherTrue = "true"
	// FisherExact takes the mean over all labels that the model might have drawn, at the
	// cost of one gradient for each class.
	FisherExact = "exact"
)

// The variants of EWC.
const (
	Online   = "online"   // one penalty, in which older phases fade
	Separate = "separate" // a penalty for each phase
)

// EWC is elastic weight consolidation. It pulls each parameter back to where it was when
// something was last known to be learned, the harder the more the loss depended on it:
//
//	g <- g + Strength F (θ - θ*)
//
// At a consolidation, with f the diagonal of the Fisher information over the phase that
// ends, variant online (Schwarz et al., "Progress & compress", 2018) takes
//
//	F <- Decay F + f    θ* <- θ
//
// and variant separate (Kirkpatrick et al., "Overcoming catastrophic forgetting in neural
// networks", 2017) keeps the sum of a penalty for each phase,
//
//	g <- g + Strength Σ_k f_k (θ - θ*_k)
//
// as one: F is the sum of the f_k, and θ* the mean of the θ*_k that they weigh. Until the
// first consolidation F is 0. Estimates of f differ by orders of magnitude, and Strength
// with them: see the names of Fisher.
//
// It takes no sparse tensors: a consolidation would pass over every row of a table, and what
// was guarded would be told from what was rarely seen by nothing.
type EWC struct {
	Strength float64 `yaml:"strength" json:"strength"` // above 0; default 1
	Variant  string  `yaml:"variant" json:"variant"`   // default online
	Fisher   string  `yaml:"fisher" json:"fisher"`     // default streaming
	Decay    float64 `yaml:"decay" json:"decay"`       // γ in (0, 1], of online; default 0.95
	// Every is the number of steps between consolidations, for streaming alone; default
	// 0: only when Pipeline.Consolidate is called.
	Every uint64 `yaml:"every" json:"every,omitempty"`
}

// WithDefaults fills in what is zero.
func (c EWC) WithDefaults() EWC {
	setDefault(&c.Strength, 1)
	if c.Variant == "" {
		c.Variant = Online
	}
	if c.Fisher == "" {
		c.Fisher = FisherStreaming
	}
	if c.Variant == Online {
		setDefault(&c.Decay, 0.95)
	}
	return c
}

// Validate names the field that breaks a rule.
func (c EWC) Validate() error {
	c = c.WithDefaults()
	switch c.Fisher {
	case FisherStreaming, FisherEmpirical, FisherTrue, FisherExact:
	default:
		return configError("ewc.fisher", "is %q, must be one of streaming, empirical, true, exact", c.Fisher)
	}
	switch {
	case c.Variant != Online && c.Variant != Separate:
		return configError("ewc.variant", "is %q, must be online or separate", c.Variant)
	case c.Variant == Separate && c.Decay != 0:
		return configError("ewc.decay", "is %v, must be absent for variant separate", c.Decay)
	case c.Variant == Online && !(c.Decay > 0 && c.Decay <= 1):
		return configError("ewc.decay", "is %v, must be in (0, 1]", c.Decay)
	case c.Every > 0 && c.Fisher != FisherStreaming:
		return configError("ewc.every", "is %d, must be absent for fisher %s: only the learner holds examples", c.Every, c.Fisher)
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
		EWC:    c.WithDefaults(),
		guard:  newQuadratic(params),
		steps:  &counter{name: "steps"},
		phases: &counter{name: "consolidations"},
	}
	e.mem = memory{
		slots:    []*slot{e.guard.importance, e.guard.anchor},
		counters: []*counter{e.steps, e.phases},
	}
	if e.Fisher == FisherStreaming {
		e.squares = newSlot("squares", params)
		e.mem.slots = append(e.mem.slots, e.squares)
	}
	return single("ewc", e, params), nil
}

type ewc struct {
	EWC
	guard   quadratic
	squares *slot    // of streaming: the sum since the last consolidation
	steps   *counter // since the last consolidation
	phases  *counter // consolidations so far
	mem     memory
}

func (e *ewc) memory() *memory { return &e.mem }

func (e *ewc) propose(grad, params models.Params) {
	e.steps.next++
	if e.squares == nil {
		e.guard.pull(grad, params, float32(e.Strength))
		return
	}
	cur, next := e.squares.write()
	for i, t := range grad {
		old, squares := cur[i].Data, next[i].Data
		for j, g := range t.Data {
			squares[j] = old[j] + float32(g*g)
		}
	}
	e.guard.pull(grad, params, float32(e.Strength))
	if e.Every > 0 && e.steps.next >= e.Every {
		e.closeStream(next, params)
	}
}

// consolidate implements consolidating. Without a gradient since the last one there is
// nothing to consolidate.
func (e *ewc) consolidate(params models.Params, ev Evidence) error {
	if e.steps.cur == 0 {
		return nil
	}
	if e.squares != nil {
		e.closeStream(e.squares.cur, params)
		return nil
	}
	if ev == nil {
		return errors.New("there is no evidence to estimate the Fisher information from")
	}
	f := params.Zeros()
	n, err := ev.Fisher(f, e.Fisher)
	if err != nil || n == 0 {
		return err
	}
	e.close(f, params)
	return nil
}

// closeStream closes with the mean of the squares, and starts their sum anew. It may
// overwrite the proposed sum, which squares may be.
func (e *ewc) closeStream(squares, params models.Params) {
	n := float32(e.steps.next)
	_, rest := e.squares.write()
	for i := range squares {
		for j, s := range squares[i].Data {
			rest[i].Data[j] = s / n
		}
	}
	e.close(rest, params)
	for _, t := range rest {
		clear(t.Data)
	}
}

// close proposes the penalty after a phase.
func (e *ewc) close(f, params models.Params) {
	if e.Variant == Separate {
		e.guard.join(f, params)
	} else {
		e.guard.renew(f, params, float32(e.Decay))
	}
	e.steps.next = 0
	e.phases.next++
}
