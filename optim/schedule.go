package optim

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/models"
)

// The kinds of Schedule.
const (
	Constant    = "constant"
	Linear      = "linear"
	Cosine      = "cosine"
	InverseSqrt = "inverse_sqrt"
	Step        = "step"
)

// Schedule multiplies the step by a factor that depends on the number t of steps taken
// before. During the first Warmup steps it rises linearly, as (t+1)/Warmup; with
// n = t - Warmup and u = min(n/Steps, 1) it then is
//
//	constant       1
//	linear         1 - (1-Final) u
//	cosine         Final + (1-Final) (1+cos(πu))/2     (Loshchilov and Hutter 2017)
//	inverse_sqrt   sqrt(W/(t+1)) with W = max(Warmup, 1)  (Vaswani et al. 2017)
//	step           Factor^⌊n/Every⌋
//
// Groups multiply it further, each for tensors of its own.
type Schedule struct {
	Kind   string  `yaml:"kind" json:"kind"`               // default constant
	Warmup uint64  `yaml:"warmup" json:"warmup,omitempty"` // steps; default 0
	Steps  uint64  `yaml:"steps" json:"steps,omitempty"`   // linear, cosine: at least 1
	Final  float64 `yaml:"final" json:"final,omitempty"`   // linear, cosine: in [0, 1]; default 0
	Every  uint64  `yaml:"every" json:"every,omitempty"`   // step: at least 1
	Factor float64 `yaml:"factor" json:"factor,omitempty"` // step: in (0, 1]; default 0.5
	Groups []Group `yaml:"groups" json:"groups,omitempty"`
}

// WithDefaults fills in what is zero.
func (c Schedule) WithDefaults() Schedule {
	if c.Kind == "" {
		c.Kind = Constant
	}
	if c.Kind == Step {
		setDefault(&c.Factor, 0.5)
	}
	return c
}

// Validate names the field that breaks a rule.
func (c Schedule) Validate() error {
	c = c.WithDefaults()
	for i, g := range c.Groups {
		if err := g.validate(fmt.Sprintf("schedule.groups[%d]", i)); err != nil {
			return err
		}
	}
	switch c.Kind {
	case Constant, InverseSqrt:
	case Linear, Cosine:
		if c.Steps < 1 {
			return configError("schedule.steps", "is 0, must be at least 1 for kind %s", c.Kind)
		}
		if !(c.Final >= 0 && c.Final <= 1) {
			return configError("schedule.final", "is %v, must be in [0, 1]", c.Final)
		}
	case Step:
		if c.Every < 1 {
			return configError("schedule.every", "is 0, must be at least 1 for kind step")
		}
		if !(c.Factor > 0 && c.Factor <= 1) {
			return configError("schedule.factor", "is %v, must be in (0, 1]", c.Factor)
		}
	default:
		return configError("schedule.kind", "is %q, must be one of constant, linear, cosine, inverse_sqrt, step", c.Kind)
	}
	return nil
}

// At returns the factor after t steps, for a schedule that is valid.
func (c Schedule) At(t uint64) float64 {
	c = c.WithDefaults()
	if t < c.Warmup {
		return float64(t+1) / float64(c.Warmup)
	}
	n := t - c.Warmup
	switch c.Kind {
	case Linear:
		return 1 - float64((1-c.Final)*progress(n, c.Steps))
	case Cosine:
		return c.Final + float64((1-c.Final)*(1+cosPi(progress(n, c.Steps)))/2)
	case InverseSqrt:
		return math.Sqrt(float64(max(c.Warmup, 1)) / float64(t+1))
	case Step:
		return pow(c.Factor, n/c.Every)
	}
	return 1
}

func progress(n, steps uint64) float64 { return math.Min(float64(n)/float64(steps), 1) }

// Build returns the Transform for these parameters.
func (c Schedule) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r, err := rates(c.Groups, namesOf(params))
	if err != nil {
		return nil, err
	}
	s := &schedule{Schedule: c.WithDefaults(), rates: r, steps: &counter{name: "steps"}}
	s.mem.counters = []*counter{s.steps}
	return single("schedule", s, params), nil
}

type schedule struct {
	Schedule
	rates []float64 // of each tensor; nil for 1 each
	steps *counter
	now   float64 // the factor of the step in progress
	mem   memory
}

func (s *schedule) memory() *memory { return &s.mem }

func (s *schedule) propose(grad, _ models.Params) {
	s.advance()
	for i, t := range grad {
		factor := s.factor(i)
		for j, v := range t.Data {
			t.Data[j] = factor * v
		}
	}
}

// advance proposes the next step, and makes factor that of this one.
func (s *schedule) advance() {
	s.steps.next++
	s.now = s.At(s.steps.cur)
}

// factor returns what the step of tensor i is multiplied by.
func (s *schedule) factor(i int) float32 {
	if s.rates == nil {
		return float32(s.now)
	}
	return float32(s.now * s.rates[i])
}
