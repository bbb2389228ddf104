package suites

import "embed"

// FS holds the suites as NAME.yaml.
//
//go:embed *.yaml
var FS embed.FS
