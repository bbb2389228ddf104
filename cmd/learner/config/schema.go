package config

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// SchemaID identifies the schema of this version of the configuration.
const SchemaID = "https://perennial-ml.github.io/schema/learner-config-v1.json"

// schemaJSON is written from the Go types and the tables beside them by
// go test ./cmd/learner/config -update; a test holds it in step.
//
//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema (draft 2020-12) of the configuration. Besides the
// standard keywords, x-unit is the unit of a number, a duration or a size.
func Schema() []byte { return bytes.Clone(schemaJSON) }

// A ruler judges trees by the schema.
type ruler struct {
	compiled *jsonschema.Schema
	doc      any // the schema itself, for the words of an error
}

func newRuler() (*ruler, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, fmt.Errorf("read the embedded schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaID, doc); err != nil {
		return nil, fmt.Errorf("add the embedded schema: %w", err)
	}
	compiled, err := c.Compile(SchemaID)
	if err != nil {
		return nil, fmt.Errorf("compile the embedded schema: %w", err)
	}
	return &ruler{compiled, doc}, nil
}

// judge adds every rule that the tree breaks to p.
func (r *ruler) judge(root *node, p *problems) {
	var broken *jsonschema.ValidationError
	if err := r.compiled.Validate(root.value()); !errors.As(err, &broken) {
		return
	}
	r.report(root, broken, p)
}

// report walks down to the errors that have no cause but themselves.
func (r *ruler) report(root *node, e *jsonschema.ValidationError, p *problems) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			r.report(root, cause, p)
		}
		return
	}
	n, at, _ := root.find(e.InstanceLocation)
	field := fieldOf(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, key := range k.Missing {
			p.add(at, fieldOf(step(e.InstanceLocation, key)), "is required", "")
		}
	case *kind.AdditionalProperties:
		known := r.keys(e.SchemaURL)
		for _, key := range k.Properties {
			p.add(n.child(key).at, fieldOf(step(e.InstanceLocation, key)), unknown(key, known), "")
		}
	default:
		// A null was refused before if it stands for something that could not
		// be read.
		if n.kind == null && p.covers(field) {
			return
		}
		p.add(at, field, r.rule(e, n), n.got())
	}
}

// rule puts an error into words.
func (r *ruler) rule(e *jsonschema.ValidationError, n *node) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return "must be " + r.wanted(e.SchemaURL, k.Want)
	case *kind.Pattern:
		if want := r.format(e.SchemaURL); want != "" {
			return "must be " + want
		}
		return "must match " + k.Want
	case *kind.Enum:
		words := make([]string, len(k.Want))
		for i, w := range k.Want {
			words[i] = fmt.Sprint(w)
		}
		rule := "must be one of " + strings.Join(words, ", ")
		if len(words) == 1 {
			rule = "must be " + words[0]
		}
		return rule
	case *kind.Minimum:
		return "must be at least " + decimal(k.Want)
	case *kind.Maximum:
		return "must be at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be above " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be below " + decimal(k.Want)
	case *kind.MinItems:
		return "must have at least " + count(k.Want, "entry", "entries")
	case *kind.MaxItems:
		return "must have at most " + count(k.Want, "entry", "entries")
	case *kind.MinProperties:
		return "must have at least " + count(k.Want, "key", "keys") + ", of " + strings.Join(r.keys(e.SchemaURL), ", ")
	case *kind.MaxProperties:
		return "must have at most " + count(k.Want, "key", "keys")
	case *kind.MinLength:
		return "must not be empty"
	case *kind.MaxLength:
		return "must be at most " + count(k.Want, "character", "characters") + " long"
	case *kind.UniqueItems:
		return fmt.Sprintf("must not repeat an entry: [%d] equals [%d]", k.Duplicates[1], k.Duplicates[0])
	}
	return "must satisfy the schema's " + strings.Join(e.ErrorKind.KeywordPath(), "/")
}

// wanted names the types that the schema allows.
func (r *ruler) wanted(url string, types []string) string {
	if want := r.format(url); want != "" {
		return want
	}
	words := map[string]string{
		"object": "a mapping", "array": "a list", "string": "text (quote it)", "integer": "a whole number",
		"number": "a number", "boolean": "true or false", "null": "left out",
	}
	var out []string
	for _, t := range types {
		if t != "null" {
			out = append(out, words[t])
		}
	}
	return strings.Join(out, " or ")
}

// format says what a duration or a size looks like; "" for anything else.
func (r *ruler) format(url string) string {
	at, _ := r.at(url).(map[string]any)
	switch at["x-format"] {
	case "duration":
		return "a duration such as 50ms, 5s or 24h"
	case "size":
		return "a size in bytes such as 512, 64KiB or 4MiB"
	case "name":
		return "a name: letters, digits, - and _, at most 64, not starting with - or _"
	}
	return ""
}

// keys lists the properties of the schema at url, sorted.
func (r *ruler) keys(url string) []string {
	at, _ := r.at(url).(map[string]any)
	properties, _ := at["properties"].(map[string]any)
	keys := make([]string, 0, len(properties))
	for k := range properties {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// at follows the JSON pointer in url through the schema; nil if it leads nowhere.
func (r *ruler) at(url string) any {
	_, pointer, _ := strings.Cut(url, "#")
	here := r.doc
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch h := here.(type) {
		case map[string]any:
			here = h[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(h) {
				return nil
			}
			here = h[i]
		default:
			return nil
		}
	}
	return here
}

// decimal writes a bound of the schema.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// unknown is the rule for a key that the schema does not have: with the known key
// that is nearest, if one is near, and else with all of them, if they are few.
func unknown(key string, known []string) string {
	slices.Sort(known)
	best, distance := "", max(2, len(key)/3)+1
	for _, k := range known {
		if d := edits(strings.ToLower(key), k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return "is not a known key; did you mean " + best + "?"
	case len(known) > 0 && len(known) <= 12:
		return "is not a known key; known are " + strings.Join(known, ", ")
	}
	return "is not a known key"
}

// edits is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours that turn a into b. Keys are short; a long
// one is far from everything.
func edits(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
