package protocol

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/perennial-ml/perennial/bench/scenario"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/models"
)

// Shape is what a model is built for.
type Shape struct {
	Inputs  int
	Buckets []int
	Classes int // 0 for values
}

// ShapeOf returns the shape of a scenario.
func ShapeOf(s *scenario.Scenario) Shape {
	return Shape{Inputs: s.Inputs, Buckets: s.Buckets, Classes: s.Classes}
}

// TaskLabel is the segment label under which events name their task.
const TaskLabel = "task"

// Steps of log time. Within a task it stands still, so that batches fill by count alone;
// Flush later a batch that waits is learned as it is, and what was learned is published.
const (
	Flush   = time.Second
	forever = 100 * 365 * 24 * time.Hour
)

// fewest is how many classes a head that may grow starts with: as few as a model can have, so
// that a class which nobody has named is no part of a loss.
const fewest = 2

// task is what the outputs mean. The classes of a stream of two are yes and no; those of
// tasks always compete.
func (s Suite) task(shape Shape) models.Task {
	switch {
	case shape.Classes == 0:
		return models.Regression
	case shape.Classes == 2 && s.Scenario.Kind == scenario.Stream:
		return models.Binary
	}
	return models.Multiclass
}

// merged is the method's learner over the suite's.
func (s Suite) merged(m Method) map[string]any {
	out := maps.Clone(s.Learner)
	if out == nil {
		out = map[string]any{}
	}
	maps.Copy(out, m.Learner)
	return out
}

// Engine returns the configuration of the engine that the daemon would run for the
// method, given its configuration file. Only when versions are due is decided here, as
// nothing serves them.
func (s Suite) Engine(m Method, shape Shape, seed uint64) (engine.Config, error) {
	task := s.task(shape)
	model := s.merged(m)
	for _, key := range []string{"name", "task", "classes", "features"} {
		if _, ok := model[key]; ok {
			return engine.Config{}, fmt.Errorf("learner.%s: must be absent: it follows from the data", key)
		}
	}
	model["name"], model["task"] = "bench", task
	if task == models.Multiclass {
		model["classes"] = shape.Classes
		if _, grows := model["max_classes"]; grows {
			model["classes"] = fewest
		}
	}
	var features []map[string]any
	if shape.Inputs > 0 {
		features = append(features, map[string]any{"name": "x", "kind": "vector", "dim": shape.Inputs})
	}
	for i, n := range shape.Buckets {
		features = append(features, map[string]any{"name": fmt.Sprint("c", i), "kind": "categorical", "buckets": max(2, n)})
	}
	model["features"] = features
	if _, ok := model["segment"]; !ok && s.Scenario.Kind != scenario.Stream {
		model["segment"] = TaskLabel
	}
	raw, err := yaml.Marshal(map[string]any{"models": []any{model}})
	if err != nil {
		return engine.Config{}, fmt.Errorf("learner: %w", err)
	}
	c, err := config.Parse("learner", raw)
	if err != nil {
		return engine.Config{}, inSuite(err)
	}
	e, err := c.Models[0].Engine(seed)
	if err != nil {
		return engine.Config{}, fmt.Errorf("learner: %w", err)
	}
	e.Publish.Every = Flush
	e.Checkpoint = engine.Cadence{Every: forever, Records: 1 << 62}
	e.Metrics.Fading = 1 // the mean over everything so far
	if s.Scenario.Kind != scenario.Stream {
		e.Batch.Wait = Flush
		e.Signals.Join.MaxPredictions = 1 // every event is complete in itself
		e.Seen.MaxIDs = 1
	}
	return e, e.Validate()
}

// inSuite names fields as the suite's learner has them. Lines are those of a file that
// nobody wrote, and are left out.
func inSuite(err error) error {
	var list config.Errors
	if !errors.As(err, &list) {
		return fmt.Errorf("learner: %w", err)
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Line, list[i].Column = 0, 0
		list[i].Field = strings.TrimPrefix(list[i].Field, "models[0].")
	}
	return list
}
