package ui

import (
	"encoding/json"
	"fmt"
	"io"
)

// Output is where a command's answer goes: to a person, or with JSON set to a
// program. Whatever is not the answer belongs on standard error.
type Output struct {
	Out  io.Writer
	JSON bool
}

// Answer writes v as one indented JSON document if a program reads, and otherwise
// calls human.
func (o Output) Answer(v any, human func(w io.Writer) error) error {
	if !o.JSON {
		return human(o.Out)
	}
	enc := json.NewEncoder(o.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the answer as JSON: %w", err)
	}
	return nil
}

// Line writes v as one line of JSON if a program reads, and otherwise calls human:
// for answers that are a stream, such as the records of a scan.
func (o Output) Line(v any, human func(w io.Writer) error) error {
	if !o.JSON {
		return human(o.Out)
	}
	enc := json.NewEncoder(o.Out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write a line of JSON: %w", err)
	}
	return nil
}
