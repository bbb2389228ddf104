package replay

import "fmt"

// Kind names a policy of what to keep.
type Kind string

const (
	// Reservoir keeps every example of the stream with equal probability
	// (algorithm R; Vitter, "Random sampling with a reservoir", 1985).
	Reservoir Kind = "reservoir"
	// ClassBalanced shares the memory out among the classes, however rare, and is
	// a reservoir within each (Chrysakis and Moens, "Online continual learning
	// from imbalanced data", ICML 2020). A soft binary target counts as class 1
	// from 0.5; complementary labels are a class of their own.
	ClassBalanced Kind = "class_balanced"
	// Stratified does for segments what ClassBalanced does for classes.
	Stratified Kind = "stratified"
	// RecencyMixed keeps the latest examples for certain, in a part of the memory,
	// and a reservoir of the earlier ones in the rest.
	RecencyMixed Kind = "recency"
)

// MaxCapacity bounds Config.Capacity.
const MaxCapacity = 1 << 26

// maxGroups bounds Config.MaxGroups.
const maxGroups = 1 << 16

// A Config says what a memory keeps, and how much.
type Config struct {
	// Kind is the policy. Default reservoir.
	Kind Kind `yaml:"kind" json:"kind,omitempty"`
	// Capacity is the largest number of examples held. Default 10,000.
	Capacity int `yaml:"capacity" json:"capacity,omitempty"`
	// Recent is the share of the capacity that holds the latest examples, in
	// (0, 1); for recency alone. Each part has room for at least one example.
	// Default 0.5.
	Recent float64 `yaml:"recent" json:"recent,omitempty"`
	// MaxGroups bounds the classes or segments told apart; for class_balanced and
	// stratified alone. All that come later share one group more. Default 1,024.
	MaxGroups int `yaml:"max_groups" json:"max_groups,omitempty"`
}

// WithDefaults returns c with every unset field at its documented default.
func (c Config) WithDefaults() Config {
	if c.Kind == "" {
		c.Kind = Reservoir
	}
	if c.Capacity == 0 {
		c.Capacity = 10_000
	}
	if c.Recent == 0 {
		c.Recent = 0.5
	}
	if c.MaxGroups == 0 {
		c.MaxGroups = 1024
	}
	return c
}

// Validate reports the first field that breaks a rule.
func (c Config) Validate() error {
	switch c.Kind {
	case Reservoir, ClassBalanced, Stratified, RecencyMixed:
	default:
		return fmt.Errorf("replay.kind: must be one of %s, %s, %s, %s, got %q",
			Reservoir, ClassBalanced, Stratified, RecencyMixed, c.Kind)
	}
	least := 1
	if c.Kind == RecencyMixed {
		least = 2
	}
	switch {
	case c.Capacity < least || c.Capacity > MaxCapacity:
		return fmt.Errorf("replay.capacity: must be in [%d, %d] for kind %s, got %d", least, MaxCapacity, c.Kind, c.Capacity)
	case c.Kind == RecencyMixed && !(c.Recent > 0 && c.Recent < 1):
		return fmt.Errorf("replay.recent: must be in (0, 1), got %v", c.Recent)
	case c.MaxGroups < 1 || c.MaxGroups > maxGroups:
		return fmt.Errorf("replay.max_groups: must be in [1, %d], got %d", maxGroups, c.MaxGroups)
	}
	return nil
}
