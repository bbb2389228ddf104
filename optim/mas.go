package optim

import (
	"errors"

	"github.com/perennial-ml/perennial/models"
)

// MAS is memory aware synapses (Aljundi et al., "Memory aware synapses: learning what (not)
// to forget", 2018). It guards parameters by how much the logits depend on them, which no
// label is needed for: the penalty Strength Σ Ω (θ-θ*)², and so
//
//	g <- g + 2 Strength Ω (θ - θ*)
//
// At a consolidation, with the mean over the examples x of the phase that ends,
//
//	Ω <- Decay Ω + ⟨|∂ Σ_c z_c(x)² / ∂θ|⟩    θ* <- θ
type MAS struct {
	Strength float64 `yaml:"strength" json:"strength"` // above 0; default 1
	Decay    float64 `yaml:"decay" json:"decay"`       // in (0, 1]; default 1
}

// WithDefaults fills in what is zero.
func (c MAS) WithDefaults() MAS {
	setDefault(&c.Strength, 1)
	setDefault(&c.Decay, 1)
	return c
}

// Validate names the field that breaks a rule.
func (c MAS) Validate() error {
	c = c.WithDefaults()
	if !(c.Decay > 0 && c.Decay <= 1) {
		return configError("mas.decay", "is %v, must be in (0, 1]", c.Decay)
	}
	return positive("mas.strength", c.Strength)
}

// Build returns the Transform for these parameters.
func (c MAS) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := denseOnly("mas", params); err != nil {
		return nil, err
	}
	m := &mas{MAS: c.WithDefaults(), guard: newQuadratic(params), phases: &counter{name: "consolidations"}}
	m.mem = memory{slots: []*slot{m.guard.importance, m.guard.anchor}, counters: []*counter{m.phases}}
	return single("mas", m, params), nil
}

type mas struct {
	MAS
	guard  quadratic
	phases *counter
	mem    memory
}

func (m *mas) memory() *memory { return &m.mem }

func (m *mas) propose(grad, params models.Params) { m.guard.pull(grad, params, float32(2*m.Strength)) }

// consolidate implements consolidating.
func (m *mas) consolidate(params models.Params, ev Evidence) error {
	if ev == nil {
		return errors.New("there is no evidence to estimate the sensitivity from")
	}
	f := params.Zeros()
	n, err := ev.Sensitivity(f)
	if err != nil || n == 0 {
		return err
	}
	m.guard.renew(f, params, float32(m.Decay))
	m.phases.next++
	return nil
}
