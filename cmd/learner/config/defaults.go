package config

import (
	"path/filepath"
	"slices"

	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// WithDefaults returns c with every unset field at its default. It shares nothing
// that it changes with c.
func (c Config) WithDefaults() Config {
	setDefault(&c.Data, "data")
	setDefault(&c.Seed, 1)
	c.HTTP = c.HTTP.WithDefaults()
	setDefault(&c.Consent.Default, feedback.ConsentLearn)
	if c.Log.URL == "" {
		setDefault(&c.Log.Dir, filepath.Join(c.Data, "log"))
	}
	c.Log = c.Log.WithDefaults()
	c.Compute = c.Compute.WithDefaults()
	c.Models = slices.Clone(c.Models)
	for i := range c.Models {
		c.Models[i] = c.Models[i].WithDefaults()
	}
	return c
}

// splinedNumbers bounds the numbers to which the default strategy gives splines: the first
// layer becomes ten times as high, and of wide inputs nothing was measured.
const splinedNumbers = 64

// numbers returns how many numbers the features have.
func (m Model) numbers() int {
	n := 0
	for _, f := range m.Features {
		switch f.Kind {
		case feature.Numeric:
			n++
		case feature.Vector:
			n += f.Dim
		}
	}
	return n
}

// WithDefaults returns m with every unset field at its default.
func (m Model) WithDefaults() Model {
	setDefault(&m.Model.Kind, "mlp")
	embeds := m.Model.Kind == "deepfm" || m.Model.Kind == "wide_and_deep"
	if m.Model.Kind == "mlp" || m.Model.Kind == "cnn" || embeds {
		setDefault(&m.Model.Activation, "relu")
	}
	if m.Strategy == arm.StrategyDefault && m.Model.Kind == "mlp" {
		setDefault(&m.Model.Init, models.UniformFanIn)
		if n := m.numbers(); m.Task == models.Binary && n > 0 && n <= splinedNumbers {
			setDefault(&m.Model.Splines, 9)
		}
	}
	if (m.Model.Kind == "mlp" || embeds) && m.Model.Hidden == nil {
		m.Model.Hidden = []int{64, 32}
	}
	if embeds {
		setDefault(&m.Model.Embedding, 16)
	}
	fill(&m.Model.Image)
	m.Model.Conv = slices.Clone(m.Model.Conv)
	for i, c := range m.Model.Conv {
		m.Model.Conv[i] = c.WithDefaults()
	}
	setDefault(&m.MaxEventBytes, feedback.DefaultMaxBytes)
	dict := m.Dictionary().WithDefaults()
	m.Features, m.UnknownFeatures = dict.Features, dict.Unknown
	if len(m.Optimizer) == 0 { // the strategy's, if it has one
		m.Optimizer = m.engine().WithDefaults().Arms[0].Optimizer
	}
	if len(m.Optimizer) == 0 {
		m.Optimizer = []optim.Config{
			{Clip: &optim.Clip{}},
			{AdamW: &optim.AdamW{}},
		}
	}
	m.Optimizer = slices.Clone(m.Optimizer)
	for i := range m.Optimizer {
		o := &m.Optimizer[i]
		fill(&o.SI)
		fill(&o.RWalk)
		fill(&o.EWC)
		fill(&o.MAS)
		fill(&o.L2)
		fill(&o.L2SP)
		fill(&o.Clip)
		fill(&o.SGD)
		fill(&o.AdamW)
		fill(&o.Adagrad)
		fill(&o.FTRL)
		fill(&o.Schedule)
	}
	// The engine's defaults are the engine's to say; that the features are not
	// valid yet is said elsewhere.
	e := m.engine().WithDefaults()
	m.Signals, m.Batch, m.Metrics, m.Seen = e.Signals, e.Batch, e.Metrics, e.Seen
	m.Publish, m.Promote, m.Checkpoint.Cadence = e.Publish, e.Promote, e.Checkpoint
	m.Replay, m.Rehearsal, m.Loss = e.Arms[0].Replay, e.Arms[0].Rehearsal, e.Arms[0].Loss
	m.Projection, m.Consolidation = e.Arms[0].Projection, e.Arms[0].Consolidation
	m.Checkpoint.Config = m.Checkpoint.Config.WithDefaults()
	return m
}

// fill replaces what p points to, if anything, by a copy with its defaults.
func fill[T interface{ WithDefaults() T }](p **T) {
	if *p != nil {
		v := (**p).WithDefaults()
		*p = &v
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
