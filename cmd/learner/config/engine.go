package config

import (
	"fmt"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
)

// Model returns the model of that name, and whether there is one.
func (c *Config) Model(name string) (Model, bool) {
	for _, m := range c.Models {
		if m.Name == name {
			return m, true
		}
	}
	return Model{}, false
}

// Dictionary returns the feature dictionary that the model declares.
func (m Model) Dictionary() feature.Config {
	return feature.Config{Features: m.Features, Unknown: m.UnknownFeatures}
}

// Spec returns the architecture with the inputs that the features give it.
func (m Model) Spec() (models.Spec, error) {
	dict, err := feature.New(m.Dictionary())
	if err != nil {
		return models.Spec{}, fmt.Errorf("model %s: %w", m.Name, err)
	}
	return models.Spec{
		Kind: m.Model.Kind, Task: m.Task, Classes: m.Classes,
		Dense: dict.Dense(), Categories: dict.Categories(), Bags: bags(dict),
		Image: m.Model.Image, Conv: m.Model.Conv, Hidden: m.Model.Hidden, Activation: m.Model.Activation,
		Init: m.Model.init(), Norm: m.Model.Norm, ClassNorm: m.Model.ClassNorm, Dropout: m.Model.Dropout,
		Embedding: m.Model.Embedding, Table: m.Model.Table, Splines: m.Model.splines(),
	}, nil
}

// bags says which categories are one feature's.
func bags(dict *feature.Dictionary) []models.Bag {
	var out []models.Bag
	for _, b := range dict.Bags() {
		out = append(out, models.Bag{First: b.First, Size: b.Size, Mean: b.Pool == feature.Mean})
	}
	return out
}

// init is how weights start, empty where the kind starts so without being told: a default
// that is spelt out makes no other configuration.
func (a Architecture) init() models.Init {
	standard := models.He
	if a.Kind == "sparse_linear" {
		standard = models.Zero
	}
	if a.Init == standard {
		return ""
	}
	return a.Init
}

// noSplines are the splines of a model that is to have none whatever its strategy.
const noSplines = -1

// splines is their number; none is no other configuration where it is spelt out.
func (a Architecture) splines() int {
	if a.Splines == noSplines {
		return 0
	}
	return a.Splines
}

// Decoder returns what the model's events must be like, those without the attribute
// consent being taken to allow what c says.
func (m Model) Decoder(c Consent) (feedback.DecoderConfig, error) {
	dict, err := feature.New(m.Dictionary())
	if err != nil {
		return feedback.DecoderConfig{}, fmt.Errorf("model %s: %w", m.Name, err)
	}
	return feedback.DecoderConfig{
		Dictionary: dict, DefaultConsent: c.Default,
		Task: string(m.Task), Classes: m.Classes, MaxClasses: m.MaxClasses,
		Rating: m.Signals.Rating, MaxBytes: m.MaxEventBytes,
	}.WithDefaults(), nil
}

// Engine returns the engine's configuration: everything that the model's state
// depends on beside its log. It has one arm.
func (m Model) Engine(seed uint64) (engine.Config, error) {
	spec, err := m.Spec()
	if err != nil {
		return engine.Config{}, err
	}
	e := m.engine().WithDefaults()
	e.Seed, e.Spec = seed, spec
	return e, nil
}

// engine is Engine without what depends on the features, the seed or a default. The task is
// there, as a strategy goes by it.
func (m Model) engine() engine.Config {
	return engine.Config{
		Spec:       models.Spec{Task: m.Task},
		MaxClasses: m.MaxClasses,
		Signals:    m.Signals, Segment: m.Segment, Heads: m.Heads, Batch: m.Batch, Metrics: m.Metrics, Seen: m.Seen,
		Publish: m.Publish, Promote: m.Promote, Checkpoint: m.Checkpoint.Cadence,
		Arms: []arm.Config{{
			Strategy: m.Strategy, Optimizer: m.Optimizer, Replay: m.Replay, Rehearsal: m.Rehearsal, Loss: m.Loss, Projection: m.Projection, Consolidation: m.Consolidation,
		}},
	}
}
