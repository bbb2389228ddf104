package feedback

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed schemas/*.json
var schemaFiles embed.FS

// SchemaBase is what the schemas' identifiers start with; the file's name follows.
const SchemaBase = "https://github.com/perennial-ml/perennial/feedback/schemas/"

// Schemas returns the JSON Schemas (draft 2020-12) of everything that this package
// reads: envelope.json for an event in structured mode, one a payload (feedback.json
// and its like), one a signal (signal.rating.json) and one an operation
// (operation.amend.json). They refer to each other by file name.
//
// What they cannot say is listed in docs/format/events.md.
func Schemas() fs.FS {
	sub, err := fs.Sub(schemaFiles, "schemas")
	if err != nil {
		return schemaFiles // cannot happen: the folder is embedded
	}
	return sub
}

// Schema returns one schema by its name, as in "signal.rating" or, as Schemas lists it,
// "signal.rating.json". The error is fs.ErrNotExist if there is none.
func Schema(name string) ([]byte, error) {
	name = strings.TrimSuffix(name, ".json")
	b, err := schemaFiles.ReadFile("schemas/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("schema %q: %w", name, err)
	}
	return b, nil
}
