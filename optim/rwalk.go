package optim

import "github.com/perennial-ml/perennial/models"

// RWalk is Riemannian walk (Chaudhry et al., "Riemannian walk for incremental learning:
// understanding forgetting and intransigence", 2018): EWC with a Fisher information that
// follows the stream, beside a path integral that is measured in it. The penalty is
// Strength Σ (F' + s') (θ-θ*)², and so
//
//	g <- g + 2 Strength (F' + s') (θ - θ*)
//
// Each step from θ to θ', with g the gradient before that line, makes
//
//	F <- Mix g² + (1-Mix) F
//	ω <- ω + max(-g (θ'-θ), 0) / (½ F (θ'-θ)² + Epsilon)
//
// At a consolidation
//
//	s <- (s + ω)/2    F' <- F/max F    s' <- s/max s    ω <- 0    θ* <- θ
//
// The authors sum over stretches of steps; here each is a step.
type RWalk struct {
	Strength float64 `yaml:"strength" json:"strength"` // above 0; default 0.1
	Mix      float64 `yaml:"mix" json:"mix"`           // α in (0, 1); default 0.1
	Epsilon  float64 `yaml:"epsilon" json:"epsilon"`   // above 0; default 0.001
}

// WithDefaults fills in what is zero.
func (c RWalk) WithDefaults() RWalk {
	setDefault(&c.Strength, 0.1)
	setDefault(&c.Mix, 0.1)
	setDefault(&c.Epsilon, 1e-3)
	return c
}

// Validate names the field that breaks a rule.
func (c RWalk) Validate() error {
	c = c.WithDefaults()
	if !(c.Mix > 0 && c.Mix < 1) {
		return configError("rwalk.mix", "is %v, must be in (0, 1)", c.Mix)
	}
	return firstError(positive("rwalk.strength", c.Strength), positive("rwalk.epsilon", c.Epsilon))
}

// Build returns the Transform for these parameters.
func (c RWalk) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := denseOnly("rwalk", params); err != nil {
		return nil, err
	}
	w := &rwalk{
		RWalk:  c.WithDefaults(),
		guard:  newQuadratic(params),
		fisher: newSlot("fisher", params),
		scores: newSlot("scores", params),
		path:   newSlot("path", params),
		last:   newSlot("gradient", params),
		from:   newSlot("parameters", params),
		steps:  &counter{name: "steps"},
		phases: &counter{name: "consolidations"},
	}
	w.mem = memory{
		slots:    []*slot{w.guard.importance, w.guard.anchor, w.fisher, w.scores, w.path, w.last, w.from},
		counters: []*counter{w.steps, w.phases},
	}
	return single("rwalk", w, params), nil
}

type rwalk struct {
	RWalk
	guard          quadratic
	fisher, scores *slot
	path           *slot // ω up to the last step but one
	last, from     *slot // the last step's gradient, and the parameters it was taken at
	steps, phases  *counter
	mem            memory
}

func (w *rwalk) memory() *memory { return &w.mem }

func (w *rwalk) propose(grad, params models.Params) {
	w.walk(params)
	f0, f1 := w.fisher.write()
	_, last := w.last.write()
	_, from := w.from.write()
	mix, keep := float32(w.Mix), float32(1-w.Mix)
	for i, t := range grad {
		copy(last[i].Data, t.Data)
		copy(from[i].Data, params[i].Data)
		old, fisher := f0[i].Data, f1[i].Data
		for j, g := range t.Data {
			fisher[j] = float32(mix*float32(g*g)) + float32(keep*old[j])
		}
	}
	w.steps.next++
	w.guard.pull(grad, params, float32(2*w.Strength))
}

// walk proposes the path integral that includes the last step, which led to params, in the
// Fisher information of that step.
func (w *rwalk) walk(params models.Params) {
	cur, next := w.path.write()
	epsilon := float32(w.Epsilon)
	for i := range params {
		theta, g, from, fisher := params[i].Data, w.last.cur[i].Data, w.from.cur[i].Data, w.fisher.cur[i].Data
		old, path := cur[i].Data, next[i].Data
		if w.steps.cur == 0 {
			copy(path, old)
			continue
		}
		for j, v := range theta {
			d := v - from[j]
			path[j] = old[j] + max(-float32(g[j]*d), 0)/(float32(float32(fisher[j]/2)*float32(d*d))+epsilon)
		}
	}
}

// consolidate implements consolidating.
func (w *rwalk) consolidate(params models.Params, _ Evidence) error {
	if w.steps.cur == 0 {
		return nil
	}
	w.walk(params)
	s0, s1 := w.scores.write()
	path := w.path.next
	for i := range path {
		for j, v := range path[i].Data {
			s1[i].Data[j] = (s0[i].Data[j] + v) / 2
		}
	}
	// The proposed path makes room for the importances, and then starts anew.
	f, s := largestOf(w.fisher.cur), largestOf(s1)
	for i := range path {
		for j := range path[i].Data {
			path[i].Data[j] = w.fisher.cur[i].Data[j]/f + s1[i].Data[j]/s
		}
	}
	w.guard.renew(path, params, 0)
	for _, t := range path {
		clear(t.Data)
	}
	w.steps.next = 0
	w.phases.next++
	return nil
}

// largestOf returns the largest of values that are not negative, 1 if all are 0.
func largestOf(p models.Params) float32 {
	top := float32(0)
	for _, t := range p {
		for _, v := range t.Data {
			top = max(top, v)
		}
	}
	if top == 0 {
		return 1
	}
	return top
}
