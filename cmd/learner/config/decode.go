package config

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// decode fills v, a settable value, from n, which lies at path. The schema has
// judged n before; what did not pass is left at zero here and said once. Types are
// those that the rooms' configurations use: structs with yaml tags, pointers,
// slices, maps by string, scalars, durations, and what unmarshals text.
func decode(n *node, v reflect.Value, path []string, p *problems) {
	// A key without a value is a section at its defaults: "- sgd:" is one, too.
	if v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct && v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	if n.kind == null {
		return
	}
	wrong := func(rule string) {
		if field := fieldOf(path); !p.covers(field) {
			p.add(n.at, field, rule, n.got())
		}
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		decode(n, v.Elem(), path, p)
		return
	}
	switch field := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := ParseDuration(n.text)
		if n.kind != text || err != nil {
			wrong("must be a duration such as 50ms, 5s or 24h")
			return
		}
		*field = d
		return
	case *json.RawMessage:
		raw, err := json.Marshal(n.value())
		if err != nil {
			wrong("cannot be written as JSON")
			return
		}
		*field = raw
		return
	case encoding.TextUnmarshaler:
		if err := field.UnmarshalText([]byte(n.text)); n.kind == list || n.kind == mapping || err != nil {
			wrong("must be a valid " + strings.ToLower(v.Type().Name()))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if n.kind != mapping {
			wrong("must be a mapping")
			return
		}
		for _, f := range fieldsOf(v.Type()) {
			if e := n.child(f.key); e != nil {
				decode(e.value, f.in(v), step(path, f.key), p)
			}
		}
	case reflect.Slice:
		if n.kind != list {
			wrong("must be a list")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
		for i, item := range n.items {
			decode(item, v.Index(i), step(path, strconv.Itoa(i)), p)
		}
	case reflect.Map:
		if n.kind != mapping {
			wrong("must be a mapping")
			return
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), len(n.entries)))
		for _, e := range n.entries {
			value := reflect.New(v.Type().Elem()).Elem()
			decode(e.value, value, step(path, e.key), p)
			v.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
		}
	default:
		if rule := scalar(n, v, path); rule != "" {
			wrong(rule)
		}
	}
}

// scalar sets v from n and returns the rule that n breaks, or "".
func scalar(n *node, v reflect.Value, path []string) string {
	switch v.Kind() {
	case reflect.String:
		if n.kind != text {
			return "must be text: quote it"
		}
		v.SetString(n.text)
	case reflect.Bool:
		if n.kind != boolean {
			return "must be true or false"
		}
		v.SetBool(n.bool)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := integer(n, path)
		if err != nil || v.OverflowInt(i) {
			return "must be a whole number in range"
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(string(n.number), 10, 64)
		if err != nil || v.OverflowUint(u) {
			return "must be a whole number in range, not negative"
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(string(n.number), 64)
		if err != nil || v.OverflowFloat(f) {
			return "must be a number"
		}
		v.SetFloat(f)
	default:
		return "cannot be set from a file"
	}
	return ""
}

// integer reads a whole number or, where the last step of the path names one, a
// size such as 256MiB.
func integer(n *node, path []string) (int64, error) {
	if n.kind == text && isSize(path) {
		b, err := ParseBytes(n.text)
		return int64(b), err
	}
	return strconv.ParseInt(string(n.number), 10, 64)
}

// isSize reports whether the integer at path counts bytes, and may be written with a
// unit.
func isSize(path []string) bool {
	last := len(path) - 1
	switch {
	case last < 0:
		return false
	case path[last] == "body" || path[last] == "header":
		return last > 0 && path[last-1] == "limits"
	}
	return path[last] == "bytes" || strings.HasSuffix(path[last], "_bytes")
}

// step is append that never shares.
func step(path []string, s string) []string { return append(path[:len(path):len(path)], s) }

// A field is one key of a struct, however deeply the struct inlines it.
type field struct {
	key   string
	index []int
	owner reflect.Type
	reflect.StructField
}

func (f field) in(v reflect.Value) reflect.Value { return v.FieldByIndex(f.index) }

// fieldsOf lists the keys of a struct in the order of its fields. A field without
// a yaml tag, or tagged "-", is no key; one tagged ",inline" gives its own.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, tagged := sf.Tag.Lookup("yaml")
		key, options, _ := strings.Cut(tag, ",")
		switch {
		case !tagged || key == "-" || !sf.IsExported():
		case options == "inline":
			for _, inner := range fieldsOf(sf.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
		default:
			out = append(out, field{key: key, index: []int{i}, owner: t, StructField: sf})
		}
	}
	return out
}
