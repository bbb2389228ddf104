package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid is what every Errors matches with errors.Is.
var ErrInvalid = errors.New("invalid configuration")

// An Error says which field of which file broke which rule.
type Error struct {
	File string `json:"file"`
	// Line and Column count from 1, in characters. Both are 0 where there is no
	// such place: an environment variable, or a file that could not be read.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Field is a dotted path, such as models[0].optimizer[1].adamw.learning_rate;
	// empty if the error is about the file as a whole.
	Field string `json:"field,omitempty"`
	// Rule completes the sentence "the field ...": must be at least 1.
	Rule string `json:"rule"`
	// Got is the offending value as written, shortened; empty if there is none.
	Got string `json:"got,omitempty"`
}

// Error renders learner.yaml:12:5: models[0].batch.size: must be at least 1 (got 0).
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Rule)
	if e.Got != "" {
		b.WriteString(" (got " + e.Got + ")")
	}
	return b.String()
}

// Errors holds every error of one configuration, in the order of the file. It is
// what Load and Parse return; errors.As finds it, and errors.Is finds ErrInvalid.
type Errors []Error

// Error renders one error a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Is reports whether target is ErrInvalid.
func (es Errors) Is(target error) bool { return target == ErrInvalid }

// problems collects the errors of one file.
type problems struct {
	file string
	list Errors
}

// maxErrors bounds the report; a file with more is not a configuration.
const maxErrors = 100

func (p *problems) add(at place, field, rule, got string) {
	if strings.HasSuffix(field, "_token") {
		got = "" // errors end up in logs
	}
	if len(p.list) < maxErrors {
		p.list = append(p.list, Error{File: p.file, Line: at.line, Column: at.col, Field: field, Rule: rule, Got: got})
	}
}

// covers reports whether an error is already known for the field, or for
// something inside it, or for something that it is inside of: a second one would
// only be a consequence of the first.
func (p *problems) covers(field string) bool {
	return slices.ContainsFunc(p.list, func(e Error) bool {
		return within(e.Field, field) || within(field, e.Field)
	})
}

// within reports whether the field inner is outer or lies inside it.
func within(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || outer == "" || rest[0] == '.' || rest[0] == '[')
}

// err returns the errors in the order of the file, or nil.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return p.list
}
