package config

import (
	"bytes"
	_ "embed"
)

//go:embed starter.yaml
var starterYAML []byte

// Starter returns a configuration to begin with, with comments for a person. Parse
// accepts it.
func Starter() []byte { return bytes.Clone(starterYAML) }
