package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/scenario"
)

// A Suite is one table: a protocol, and the methods that are compared under it.
type Suite struct {
	Name   string `yaml:"name"`
	Title  string `yaml:"title"`
	Source string `yaml:"source"` // where the published figures stand
	Note   string `yaml:"note"`   // what differs here
	// Data is the name of the data set; a CSV or ARFF file of the folder is one, too.
	Data     string          `yaml:"data"`
	Scenario scenario.Config `yaml:"scenario"`
	// Epochs is how often each task's rows come; Iterations, in its place, how many
	// batches of them. Default one epoch.
	Epochs     int      `yaml:"epochs"`
	Iterations int      `yaml:"iterations"`
	Seeds      []uint64 `yaml:"seeds"` // default 1, 2, 3
	// Announce tells the learner by a control record that a task ends.
	Announce bool `yaml:"announce"`
	// Figure is what Published is compared with: accuracy (the default) or
	// prequential.
	Figure  string         `yaml:"figure"`
	Look    Look           `yaml:"look"`
	Learner map[string]any `yaml:"learner"`
	Methods []Method       `yaml:"methods"`
}

// Look says how often, and on how much, a learner is scored while it learns.
type Look struct {
	// Every is the number of batches between looks within a task; 0 for none. Of a
	// stream it is the number of rows that a point of the curve is over.
	Every int `yaml:"every" json:"every,omitempty"`
	// Rows bounds the test rows of each task in those looks; default 200.
	Rows int `yaml:"rows" json:"rows,omitempty"`
	// Between bounds the test rows of each task at the end of every task but the
	// last, which always sees all; 0 for all.
	Between int `yaml:"between" json:"between,omitempty"`
}

// Baselines that learn nothing.
const (
	Majority  = "majority"   // the class that came most often so far
	LastClass = "last_class" // the class that came last
)

// A Method is one row of the table.
type Method struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	Note  string `yaml:"note"`
	// Published is the figure of the source, in the suite's unit: per cent.
	Published *float64 `yaml:"published"`
	// Baseline names one of the baselines; Learner is then empty.
	Baseline string `yaml:"baseline"`
	// Joint learns all tasks at once.
	Joint bool `yaml:"joint"`
	// Default marks the strategy for people who do not want to choose.
	Default bool           `yaml:"default"`
	Epochs  int            `yaml:"epochs"` // in place of the suite's
	Learner map[string]any `yaml:"learner"`
}

// WithDefaults returns s with every unset field at its documented default.
func (s Suite) WithDefaults() Suite {
	s.Scenario = s.Scenario.WithDefaults()
	if s.Epochs == 0 && s.Iterations == 0 {
		s.Epochs = 1
	}
	if len(s.Seeds) == 0 {
		s.Seeds = []uint64{1, 2, 3}
	}
	if s.Figure == "" {
		s.Figure = "accuracy"
	}
	if s.Look.Rows == 0 {
		s.Look.Rows = 200
	}
	return s
}

// Validate reports the first field that breaks a rule. It asks the configuration of every
// method, as far as that does not depend on the data.
func (s Suite) Validate() error {
	if _, err := data.Find(s.Data); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if err := s.Scenario.Validate(); err != nil {
		return err
	}
	switch {
	case !word(s.Name):
		return fmt.Errorf("name: must be 1 to 64 of a-z, 0-9, '-' and '_', got %q", s.Name)
	case s.Epochs < 0 || s.Iterations < 0 || s.Epochs > 0 && s.Iterations > 0:
		return fmt.Errorf("epochs, iterations: must not be negative, and one of them 0")
	case s.Scenario.Kind == scenario.Stream && s.Epochs != 1:
		return fmt.Errorf("epochs: must be 1 for a stream, got %d", s.Epochs)
	case s.Announce && s.Scenario.Kind == scenario.Stream:
		return fmt.Errorf("announce: must be false for a stream, which is one task")
	case s.Figure != "accuracy" && s.Figure != "prequential":
		return fmt.Errorf("figure: must be accuracy or prequential, got %q", s.Figure)
	case s.Look.Every < 0 || s.Look.Rows < 0 || s.Look.Between < 0:
		return fmt.Errorf("look: must not be negative")
	case len(s.Methods) == 0:
		return fmt.Errorf("methods: must not be empty")
	}
	for i, seed := range s.Seeds {
		if slices.Contains(s.Seeds[:i], seed) {
			return fmt.Errorf("seeds: must differ, got %d twice", seed)
		}
	}
	seen := map[string]bool{}
	for i, m := range s.Methods {
		if err := s.checkMethod(m); err != nil {
			return fmt.Errorf("methods[%d]: %w", i, err)
		}
		if seen[m.Name] {
			return fmt.Errorf("methods[%d].name: %q is taken by an earlier method", i, m.Name)
		}
		seen[m.Name] = true
	}
	return nil
}

func (s Suite) checkMethod(m Method) error {
	switch {
	case !word(m.Name):
		return fmt.Errorf("name: must be 1 to 64 of a-z, 0-9, '-' and '_', got %q", m.Name)
	case m.Baseline != "" && m.Baseline != Majority && m.Baseline != LastClass:
		return fmt.Errorf("baseline: must be %s or %s, got %q", Majority, LastClass, m.Baseline)
	case m.Baseline != "" && (m.Learner != nil || m.Joint):
		return fmt.Errorf("learner, joint: must be absent: a baseline learns nothing")
	case m.Joint && s.Scenario.Kind == scenario.Stream:
		return fmt.Errorf("joint: must be false for a stream, which is one task")
	case m.Epochs < 0 || m.Epochs > 0 && s.Epochs == 0:
		return fmt.Errorf("epochs: must be above 0, and absent beside iterations, got %d", m.Epochs)
	case m.Baseline != "":
		return nil
	}
	_, err := s.Engine(m, s.anyShape(), 1)
	return err
}

// anyShape stands for the data's own inputs and classes, where those are not known.
func (s Suite) anyShape() Shape {
	if s.Scenario.Kind == scenario.Stream {
		return Shape{Inputs: 2, Classes: 2}
	}
	return Shape{Inputs: 2, Classes: 1000}
}

// Rehearses reports whether a method uses the memory that its learner fills.
func (s Suite) Rehearses(m Method) bool {
	if m.Baseline != "" {
		return false
	}
	cfg, err := s.Engine(m, s.anyShape(), 1)
	return err == nil && cfg.Arms[0].Rehearsal.Ratio > 0
}

// Method returns the method of that name, and whether there is one.
func (s Suite) Method(name string) (Method, bool) {
	for _, m := range s.Methods {
		if m.Name == name {
			return m, true
		}
	}
	return Method{}, false
}

// Digest stands for everything that a run's figures depend on, the program aside: the
// protocol and the method, not the seed.
func (s Suite) Digest(m Method) string {
	raw, err := json.Marshal(map[string]any{
		"data": s.Data, "scenario": s.Scenario, "epochs": s.Epochs, "iterations": s.Iterations, "look": s.Look, "announce": s.Announce,
		"learner": s.merged(m), "baseline": m.Baseline, "joint": m.Joint, "method_epochs": m.Epochs,
	})
	if err != nil {
		panic(err) // a suite was read from YAML: all of it can be written as JSON
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// word reports whether a name can be a file's.
func word(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
