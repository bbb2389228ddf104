package signal

import (
	"fmt"
	"time"

	"github.com/perennial-ml/perennial/feedback"
)

// Config declares how much each kind of signal is believed and how predictions wait
// for their signals. All durations are log time.
type Config struct {
	// Reliability is the weight, in [0, 1], of a signal of each kind given with
	// full confidence. Kinds that are left out keep their default.
	Reliability map[feedback.SignalKind]float64 `yaml:"reliability" json:"reliability,omitempty"`
	// Rating is the declared scale of the rating signal. Default 1 to 5.
	Rating feedback.Scale `yaml:"rating" json:"rating,omitzero"`
	// DwellThreshold is how long a dwell must last to count as positive (binary
	// and multiclass tasks). Default 10s.
	DwellThreshold time.Duration `yaml:"dwell_threshold" json:"dwell_threshold,omitempty"`
	// Spread is the distance between two values at which they contradict each
	// other wholly (regression). Default 1.
	Spread float64 `yaml:"spread" json:"spread,omitempty"`
	// Join bounds the wait.
	Join Join `yaml:"join" json:"join,omitzero"`
}

// Join configures the attribution window.
type Join struct {
	// Window is how long after a prediction a signal may still be attributed to
	// it. Default 72h.
	Window time.Duration `yaml:"window" json:"window,omitempty"`
	// Settle is how long, after the first signal, a prediction waits for further
	// ones before it becomes an example. Default 0: at once.
	Settle time.Duration `yaml:"settle" json:"settle,omitempty"`
	// OrphanWait is how long a signal waits for a prediction that has not arrived
	// yet. Default 1m.
	OrphanWait time.Duration `yaml:"orphan_wait" json:"orphan_wait,omitempty"`
	// MaxPredictions bounds the predictions held; the oldest leaves first.
	// Default 100,000.
	MaxPredictions int `yaml:"max_predictions" json:"max_predictions,omitempty"`
	// MaxSignals bounds the signals on one prediction; later ones are only counted.
	// Default 64.
	MaxSignals int `yaml:"max_signals" json:"max_signals,omitempty"`
	// MaxOrphans bounds the waiting signals; the oldest leaves first. Default 10,000.
	MaxOrphans int `yaml:"max_orphans" json:"max_orphans,omitempty"`
	// MaxBytes bounds the memory of both, as estimated from their contents.
	// Default 256 MiB.
	MaxBytes int64 `yaml:"max_bytes" json:"max_bytes,omitempty"`
}

// defaultReliability is ordered from ground truth to the faintest hint.
func defaultReliability() map[feedback.SignalKind]float64 {
	return map[feedback.SignalKind]float64{
		feedback.Label:          1,
		feedback.Correction:     1,
		feedback.Correctness:    0.9,
		feedback.Conversion:     0.9,
		feedback.Rating:         0.8,
		feedback.TaskCompletion: 0.7,
		feedback.Preference:     0.6,
		feedback.Click:          0.3,
		feedback.Dwell:          0.3,
		feedback.Skip:           0.2,
	}
}

// WithDefaults returns c with every unset field at its documented default.
func (c Config) WithDefaults() Config {
	rel := defaultReliability()
	for kind, r := range c.Reliability {
		rel[kind] = r
	}
	c.Reliability = rel
	if c.Rating == (feedback.Scale{}) {
		c.Rating = feedback.Scale{Min: 1, Max: 5}
	}
	setDefault(&c.DwellThreshold, 10*time.Second)
	setDefault(&c.Spread, 1)
	setDefault(&c.Join.Window, 72*time.Hour)
	setDefault(&c.Join.OrphanWait, time.Minute)
	setDefault(&c.Join.MaxPredictions, 100_000)
	setDefault(&c.Join.MaxSignals, 64)
	setDefault(&c.Join.MaxOrphans, 10_000)
	setDefault(&c.Join.MaxBytes, 256<<20)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports the first field that breaks a rule.
func (c Config) Validate() error {
	known := defaultReliability()
	for kind, r := range c.Reliability {
		if _, ok := known[kind]; !ok {
			return fmt.Errorf("signals.reliability.%s: is not a kind of signal", kind)
		}
		if !(r >= 0 && r <= 1) {
			return fmt.Errorf("signals.reliability.%s: must be in [0, 1], got %v", kind, r)
		}
	}
	switch {
	case !(c.Rating.Min < c.Rating.Max):
		return fmt.Errorf("signals.rating: min must be below max, got %v and %v", c.Rating.Min, c.Rating.Max)
	case c.DwellThreshold < 0:
		return fmt.Errorf("signals.dwell_threshold: must not be negative, got %v", c.DwellThreshold)
	case !(c.Spread > 0):
		return fmt.Errorf("signals.spread: must be above 0, got %v", c.Spread)
	case c.Join.Window <= 0:
		return fmt.Errorf("signals.join.window: must be above 0, got %v", c.Join.Window)
	case c.Join.Settle < 0 || c.Join.Settle > c.Join.Window:
		return fmt.Errorf("signals.join.settle: must be between 0 and the window, got %v", c.Join.Settle)
	case c.Join.OrphanWait <= 0:
		return fmt.Errorf("signals.join.orphan_wait: must be above 0, got %v", c.Join.OrphanWait)
	case c.Join.MaxPredictions < 1:
		return fmt.Errorf("signals.join.max_predictions: must be at least 1, got %d", c.Join.MaxPredictions)
	case c.Join.MaxSignals < 1 || c.Join.MaxSignals > 4096:
		return fmt.Errorf("signals.join.max_signals: must be in [1, 4096], got %d", c.Join.MaxSignals)
	case c.Join.MaxOrphans < 1:
		return fmt.Errorf("signals.join.max_orphans: must be at least 1, got %d", c.Join.MaxOrphans)
	case c.Join.MaxBytes < 1<<20:
		return fmt.Errorf("signals.join.max_bytes: must be at least 1 MiB, got %d", c.Join.MaxBytes)
	}
	return nil
}
