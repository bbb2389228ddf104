package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write schema.json and docs/configuration.md anew")

const (
	modulePath = "github.com/perennial-ml/perennial"
	moduleRoot = "../../.."
)

func TestSchemaIsInStepWithTheTypes(t *testing.T) {
	g := newGenerator(t)
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(g.schema()))
	for key := range g.notes {
		if !g.used[key] {
			t.Errorf("a note speaks of %s, which no type has", key)
		}
	}
	inStep(t, "schema.json", want.Bytes())
}

// inStep compares a generated file with what it should be, or writes it.
func inStep(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, want, 0o644))
		return
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s is out of date: go test ./cmd/learner/config -update", path)
}

// An object is a JSON object that keeps its order.
type object []member

type member struct {
	key   string
	value any
}

func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		var value bytes.Buffer
		enc := json.NewEncoder(&value)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", m.key, bytes.TrimSpace(value.Bytes()))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// A generator writes the schema of Config from the types, their defaults, their doc
// comments, and the notes.
type generator struct {
	t     *testing.T
	notes map[string]note
	used  map[string]bool
	docs  map[string]map[string]string // package path -> Type.Field -> comment
}

func newGenerator(t *testing.T) *generator {
	return &generator{t: t, notes: notes(), used: map[string]bool{}, docs: map[string]map[string]string{}}
}

func (g *generator) schema() object {
	// A configuration with one of everything shows every default.
	var c Config
	inflate(reflect.ValueOf(&c).Elem())
	c = c.WithDefaults()
	root := g.structure(reflect.ValueOf(c))
	return append(object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", SchemaID},
		{"title", "Configuration of a Perennial learner"},
	}, root...)
}

// inflate fills every pointer, and every list of structs with one element.
func inflate(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		inflate(v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			inflate(v.Index(0))
		}
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			inflate(f.in(v))
		}
	}
}

func (g *generator) structure(v reflect.Value) object {
	properties, required := object{}, []string{}
	for _, f := range fieldsOf(v.Type()) {
		n := g.note(f)
		properties = append(properties, member{f.key, g.property(f, n, f.in(v))})
		if n.required {
			required = append(required, f.key)
		}
	}
	kind := any("object")
	if len(required) == 0 {
		kind = []string{"object", "null"}
	}
	out := object{{"type", kind}, {"additionalProperties", false}, {"properties", properties}}
	if len(required) > 0 {
		out = append(out, member{"required", required})
	}
	return out
}

func (g *generator) note(f field) note {
	key := f.owner.String() + "." + f.key
	n := g.notes[key]
	g.used[key] = true
	if n.text == "" {
		n.text = g.comment(f)
	}
	if n.text == "" {
		g.t.Errorf("%s has neither a doc comment nor a note that describes it", key)
	}
	return n
}

// property describes one field: its shape, and what the note adds.
func (g *generator) property(f field, n note, v reflect.Value) object {
	path := []string{strings.ToLower(f.owner.Name()), f.key}
	out := append(object{{"description", n.text}}, g.shape(v, n, path)...)
	if n.unit != "" {
		out = append(out, member{"x-unit", n.unit})
	}
	if d, ok := defaultOf(v, path); ok && !n.required && !n.optional {
		out = append(out, member{"default", d})
	}
	kind, format := out.get("type"), out.get("x-format")
	if (kind == "integer" || kind == "number" || format == "duration" || format == "size") && n.unit == "" {
		g.t.Errorf("%s.%s needs a note that names its unit", f.owner, f.key)
	}
	return out
}

func (g *generator) shape(v reflect.Value, n note, path []string) object {
	t := v.Type()
	if t == reflect.TypeFor[time.Duration]() {
		return object{
			{"type", "string"}, {"x-format", "duration"},
			{"pattern", `^[-+]?([0-9]+d)?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))*$`}, {"minLength", 2},
		}
	}
	if _, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok {
		return n.words(object{{"type", "string"}})
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.shape(v.Elem(), n, path)
	case reflect.Struct:
		out := g.structure(v)
		if n.one {
			out[0].value = "object"
			out = append(out, member{"minProperties", 1}, member{"maxProperties", 1})
		}
		return out
	case reflect.Slice:
		item := reflect.New(t.Elem()).Elem()
		if v.Len() > 0 {
			item = v.Index(0)
		}
		inner := n
		inner.minItems, inner.maxItems = 0, 0
		out := object{{"type", "array"}, {"items", g.shape(item, inner, path)}}
		if n.minItems > 0 {
			out = append(out, member{"minItems", n.minItems})
		}
		if n.maxItems > 0 {
			out = append(out, member{"maxItems", n.maxItems})
		}
		return out
	case reflect.Map:
		values := g.shape(reflect.New(t.Elem()).Elem(), n, path)
		if n.keys == nil {
			return object{{"type", []string{"object", "null"}}, {"additionalProperties", values}}
		}
		properties := object{}
		for _, k := range n.keys {
			p := append(object{{"description", n.text}}, values...)
			if d := v.MapIndex(reflect.ValueOf(k).Convert(t.Key())); d.IsValid() {
				p = append(p, member{"x-unit", n.unit}, member{"default", d.Interface()})
			}
			properties = append(properties, member{k, p})
		}
		return object{{"type", []string{"object", "null"}}, {"additionalProperties", false}, {"properties", properties}}
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.String:
		return n.words(object{{"type", "string"}})
	case reflect.Float32, reflect.Float64:
		return n.bounds(object{{"type", "number"}})
	}
	require.True(g.t, v.CanInt() || v.CanUint(), "%v: no schema for %v", path, t)
	if isSize(path) {
		out := object{
			{"type", []string{"integer", "string"}}, {"x-format", "size"},
			{"pattern", `^[0-9]+(\.[0-9]+)? ?([KMGT]iB|[kKMGT]?B)$`},
		}
		return n.bounds(out)
	}
	if v.CanUint() && n.min == nil {
		n.min = 0
	}
	return n.bounds(object{{"type", "integer"}})
}

// defaultOf writes a default as the file would.
func defaultOf(v reflect.Value, path []string) (any, bool) {
	switch d := v.Interface().(type) {
	case time.Duration:
		return formatDuration(d), true
	case encoding.TextMarshaler:
		return d, true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Map:
		return nil, false
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			return nil, false
		}
		return v.Interface(), !v.IsNil()
	}
	if v.CanInt() && isSize(path) {
		return Bytes(v.Int()).String(), true
	}
	return v.Interface(), true
}

// comment returns the doc comment of a field, with keys for Go names and without the
// default, which stands on its own.
func (g *generator) comment(f field) string {
	path := f.owner.PkgPath()
	if g.docs[path] == nil {
		g.docs[path] = comments(g.t, filepath.Join(moduleRoot, strings.TrimPrefix(path, modulePath)))
	}
	text := g.docs[path][f.owner.Name()+"."+f.Name]
	// "Window is how many" and "Window says" read better without the name.
	if m := regexp.MustCompile(`^` + f.Name + ` (is )?(\w+)`).FindStringSubmatch(text); m != nil && (m[1] != "" || strings.HasSuffix(m[2], "s")) {
		text = text[len(f.Name)+1+len(m[1]):]
	}
	for _, other := range fieldsOf(f.owner) {
		text = regexp.MustCompile(`\b`+other.Name+`\b`).ReplaceAllString(text, other.key)
	}
	text = regexp.MustCompile(`[.;]? *\(?[Dd]efaults? [^.;,()]*([.,]\d[^.;,()]*)*\)?\.?$`).ReplaceAllString(text, ".")
	if text = strings.Trim(text, " ."); text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// comments reads the comments of every struct field of a package.
func comments(t *testing.T, folder string) map[string]string {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	out := map[string]string{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range structure.Fields.List {
				text := f.Doc.Text()
				if text == "" {
					text = f.Comment.Text()
				}
				for _, name := range f.Names {
					out[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
				}
			}
			return true
		})
	}
	return out
}
