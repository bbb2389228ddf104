package optim

import "github.com/perennial-ml/perennial/models"

// SI is synaptic intelligence (Zenke, Poole and Ganguli, "Continual learning through
// synaptic intelligence", 2017). It guards parameters by how much the loss fell along their
// way: the penalty Strength Σ Ω (θ-θ*)², and so
//
//	g <- g + 2 Strength Ω (θ - θ*)
//
// Each step from θ to θ', whatever the optimizer makes of it, adds to the path integral
//
//	ω <- ω - g (θ' - θ)
//
// with g the gradient before that line. At a consolidation
//
//	Ω <- Ω + max(ω, 0) / ((θ - θ*)² + Damping)    ω <- 0    θ* <- θ
//
// The maximum, which the paper does without, keeps the penalty from pushing parameters
// away. θ* begins as the parameters that Build was given.
type SI struct {
	Strength float64 `yaml:"strength" json:"strength"` // c, above 0; default 0.1
	Damping  float64 `yaml:"damping" json:"damping"`   // ξ, above 0; default 0.1
}

// WithDefaults fills in what is zero.
func (c SI) WithDefaults() SI {
	setDefault(&c.Strength, 0.1)
	setDefault(&c.Damping, 0.1)
	return c
}

// Validate names the field that breaks a rule.
func (c SI) Validate() error {
	c = c.WithDefaults()
	return firstError(positive("si.strength", c.Strength), positive("si.damping", c.Damping))
}

// Build returns the Transform for these parameters, which it copies.
func (c SI) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := denseOnly("si", params); err != nil {
		return nil, err
	}
	s := &si{
		SI:     c.WithDefaults(),
		guard:  newQuadratic(params),
		path:   newSlot("path", params),
		last:   newSlot("gradient", params),
		from:   newSlot("parameters", params),
		steps:  &counter{name: "steps"},
		phases: &counter{name: "consolidations"},
	}
	for i, t := range params {
		copy(s.guard.anchor.cur[i].Data, t.Data)
	}
	s.mem = memory{
		slots:    []*slot{s.guard.importance, s.guard.anchor, s.path, s.last, s.from},
		counters: []*counter{s.steps, s.phases},
	}
	return single("si", s, params), nil
}

type si struct {
	SI
	guard quadratic
	path  *slot // ω up to the last step but one
	// last and from are the gradient of the last step and the parameters it was taken
	// at: what it did is seen at the next.
	last, from    *slot
	steps, phases *counter // steps since the last consolidation
	mem           memory
}

func (s *si) memory() *memory { return &s.mem }

func (s *si) propose(grad, params models.Params) {
	s.walk(params)
	_, last := s.last.write()
	_, from := s.from.write()
	for i, t := range grad {
		copy(last[i].Data, t.Data)
		copy(from[i].Data, params[i].Data)
	}
	s.steps.next++
	s.guard.pull(grad, params, float32(2*s.Strength))
}

// walk proposes the path integral that includes the last step, which led to params.
func (s *si) walk(params models.Params) {
	cur, next := s.path.write()
	for i := range params {
		theta, g, from := params[i].Data, s.last.cur[i].Data, s.from.cur[i].Data
		old, path := cur[i].Data, next[i].Data
		if s.steps.cur == 0 {
			copy(path, old)
			continue
		}
		for j, v := range theta {
			path[j] = old[j] - float32(g[j]*(v-from[j]))
		}
	}
}

// consolidate implements consolidating.
func (s *si) consolidate(params models.Params, _ Evidence) error {
	if s.steps.cur == 0 {
		return nil
	}
	s.walk(params)
	damping := float32(s.Damping)
	path := s.path.next
	for i, t := range params {
		anchor := s.guard.anchor.cur[i].Data
		for j, v := range t.Data {
			d := v - anchor[j]
			path[i].Data[j] = max(path[i].Data[j], 0) / (float32(d*d) + damping)
		}
	}
	s.guard.renew(path, params, 1)
	for _, t := range path {
		clear(t.Data)
	}
	s.steps.next = 0
	s.phases.next++
	return nil
}
