package prequential

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
)

// Bounds of a Config.
const (
	MaxWindow   = 1 << 24
	MaxSegments = 1 << 16
)

// Other is the segment of all examples whose own came when there were MaxSegments.
const Other = "other"

// A Config says what a Meter scores, and over what.
type Config struct {
	Task models.Task `json:"task"`
	// Window is the number of latest examples that scores are over. Default 1,000.
	Window int `json:"window"`
	// Fading is how much an example counts less with each later one, a factor in
	// (0, 1]. Default 0.999.
	Fading float64 `json:"fading"`
	// MaxSegments is the number of segments that are scored apart, beside Other.
	// Default 32.
	MaxSegments int `json:"max_segments"`
}

// WithDefaults returns c with every unset field at its documented default.
func (c Config) WithDefaults() Config {
	if c.Window == 0 {
		c.Window = 1000
	}
	if c.Fading == 0 {
		c.Fading = 0.999
	}
	if c.MaxSegments == 0 {
		c.MaxSegments = 32
	}
	return c
}

// Validate reports the first field that breaks a rule.
func (c Config) Validate() error {
	switch c.Task {
	case models.Binary, models.Multiclass, models.Regression:
	default:
		return fmt.Errorf("task: must be one of %s, %s, %s, got %q", models.Binary, models.Multiclass, models.Regression, c.Task)
	}
	switch {
	case c.Window < 1 || c.Window > MaxWindow:
		return fmt.Errorf("window: must be in [1, %d], got %d", MaxWindow, c.Window)
	case !(c.Fading > 0 && c.Fading <= 1):
		return fmt.Errorf("fading: must be in (0, 1], got %v", c.Fading)
	case c.MaxSegments < 1 || c.MaxSegments > MaxSegments:
		return fmt.Errorf("max_segments: must be in [1, %d], got %d", MaxSegments, c.MaxSegments)
	}
	return nil
}
