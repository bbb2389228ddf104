package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/configuration.md
var docsHead string

func TestReferenceIsInStepWithTheSchema(t *testing.T) {
	var b bytes.Buffer
	head := strings.NewReplacer("{{minimal}}", minimal, "{{starter}}", string(Starter())).Replace(docsHead)
	b.WriteString(head)
	reference{&b}.section("", "", newGenerator(t).schema())
	inStep(t, filepath.Join(moduleRoot, "docs", "configuration.md"), b.Bytes())
}

// A reference writes a table for each mapping of the schema, and those inside of it
// after it.
type reference struct{ out *bytes.Buffer }

func (r reference) section(path, text string, schema object) {
	title := "`" + path + "`"
	if path == "" {
		title = "The root"
	}
	fmt.Fprintf(r.out, "\n### %s\n\n", title)
	if text != "" {
		fmt.Fprintf(r.out, "%s\n\n", text)
	}
	if schema.get("maxProperties") != nil {
		r.out.WriteString("Exactly one key is set.\n\n")
	}
	fmt.Fprintln(r.out, "| key | type | default | unit | |\n|---|---|---|---|---|")
	required, _ := schema.get("required").([]string)
	var later []func()
	for _, m := range schema.get("properties").(object) {
		p := m.value.(object)
		inner := m.key
		if path != "" {
			inner = path + "." + m.key
		}
		text := p.get("description").(string)
		r.row(m.key, text, p, slices.Contains(required, m.key))
		if p.get("properties") != nil {
			later = append(later, func() { r.section(inner, text, p) })
		}
		if items, ok := p.get("items").(object); ok && items.get("properties") != nil {
			later = append(later, func() { r.section(inner+"[]", text, items) })
		}
	}
	for _, write := range later {
		write()
	}
}

func (r reference) row(key, text string, p object, required bool) {
	standard := "–"
	if d := p.get("default"); d != nil {
		raw, _ := json.Marshal(d)
		standard = "`" + strings.Trim(string(raw), `"`) + "`"
		if string(raw) == `""` {
			standard = "none"
		}
	}
	if required {
		standard = "**required**"
	}
	unit, _ := p.get("x-unit").(string)
	if unit == "" || unit == "duration" || unit == "none" {
		unit = "–"
	}
	fmt.Fprintf(r.out, "| `%s` | %s | %s | %s | %s |\n", key, typeOf(p), standard, unit, strings.ReplaceAll(text, "|", `\|`))
}

// typeOf says what a property may be, with its bounds.
func typeOf(p object) string {
	if words, ok := p.get("enum").([]any); ok {
		out := make([]string, len(words))
		for i, w := range words {
			out[i] = fmt.Sprintf("`%v`", w)
		}
		return strings.Join(out, ", ")
	}
	out := ""
	switch format := p.get("x-format"); {
	case format == "duration" || format == "size" || format == "name":
		out = format.(string)
	case p.get("items") != nil:
		items := p.get("items").(object)
		out = "list of " + typeOf(items)
		if items.get("properties") != nil {
			out = "list of mappings"
		}
	case p.get("properties") != nil:
		out = "mapping"
	default:
		out = map[any]string{"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}[p.get("type")]
	}
	return out + boundsOf(p)
}

// boundsOf says which numbers are allowed.
func boundsOf(p object) string {
	show := func(keyword string) string {
		v := p.get(keyword)
		if n, ok := v.(int); ok && p.get("x-format") == "size" {
			return Bytes(n).String()
		}
		return fmt.Sprint(v)
	}
	has := func(keyword string) bool { return p.get(keyword) != nil }
	switch {
	case has("minimum") && has("maximum"):
		return fmt.Sprintf(", %s to %s", show("minimum"), show("maximum"))
	case has("exclusiveMinimum") && has("maximum"):
		return fmt.Sprintf(", above %s to %s", show("exclusiveMinimum"), show("maximum"))
	case has("minimum"):
		return ", at least " + show("minimum")
	case has("exclusiveMinimum"):
		return ", above " + show("exclusiveMinimum")
	case has("maximum"):
		return ", at most " + show("maximum")
	}
	return ""
}

func TestSchemaIsAValidSchemaAndDescribesEverything(t *testing.T) {
	_, err := newRuler()
	require.NoError(t, err)
	var doc any
	require.NoError(t, json.Unmarshal(Schema(), &doc))
	described := 0
	var walk func(path string, v any)
	walk = func(path string, v any) {
		schema, ok := v.(map[string]any)
		if !ok {
			return
		}
		if properties, ok := schema["properties"].(map[string]any); ok {
			require.Equal(t, false, schema["additionalProperties"], "%s lets unknown keys pass", path)
			for key, p := range properties {
				described++
				require.NotEmpty(t, p.(map[string]any)["description"], "%s.%s", path, key)
				walk(path+"."+key, p)
			}
		}
		walk(path+"[]", schema["items"])
	}
	walk("", doc)
	require.Greater(t, described, 100)
}
