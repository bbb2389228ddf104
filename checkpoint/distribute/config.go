package distribute

import "fmt"

// Config sets how a model's buckets are kept.
type Config struct {
	// Storage is "file" (the default) or "memory", for the tensors; pointers and
	// the epoch are always in files. It cannot change once the bucket exists.
	Storage string `yaml:"storage" json:"storage"`
	// Replicas of both buckets, 1 (the default) to 5.
	Replicas int `yaml:"replicas" json:"replicas"`
	// Keep is how many publications' tensors stay for servers that are still
	// fetching. Default 8, which is 400 ms at the usual pace; at least 1.
	Keep int `yaml:"keep" json:"keep"`
}

// WithDefaults fills the zero fields in.
func (c Config) WithDefaults() Config {
	if c.Storage == "" {
		c.Storage = "file"
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Keep == 0 {
		c.Keep = 8
	}
	return c
}

// Validate returns ErrInvalid with the field and the rule that it breaks.
func (c Config) Validate() error {
	switch {
	case c.Storage != "file" && c.Storage != "memory":
		return fmt.Errorf("%w: storage: must be file or memory, is %q", ErrInvalid, c.Storage)
	case c.Replicas < 1 || c.Replicas > 5:
		return fmt.Errorf("%w: replicas: must be 1 to 5, is %d", ErrInvalid, c.Replicas)
	case c.Keep < 1:
		return fmt.Errorf("%w: keep: must be at least 1, is %d", ErrInvalid, c.Keep)
	}
	return nil
}
