package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An alias says under which key of the file a room's field stands, where the two
// differ.
type alias struct{ room, file string }

// A checker maps what the rooms object to onto the lines of the file.
type checker struct {
	root *node
	p    *problems
}

// object adds an error that is not a room's.
func (c checker) object(path []string, rule string) {
	field := fieldOf(path)
	if c.p.covers(field) {
		return
	}
	n, at, whole := c.root.find(path)
	got := ""
	if whole && n.kind != mapping && n.kind != list {
		got = n.got()
	}
	c.p.add(at, field, rule, got)
}

// name matches a field as rooms write it.
var name = regexp.MustCompile(`^[a-z][a-z0-9_]*(\[\d+\])?(\.[a-z0-9_]+(\[\d+\])?)*$`)

// before and instead match the start and the end of an error that shows the
// offending value, for which the file's own words are shown.
var (
	before  = regexp.MustCompile(`^is [^,]*, `)
	instead = regexp.MustCompile(`, (got|is|not) [^,;]*$`)
)

// ask adds what a room's Validate returned about the section at path. Rooms write
// their errors as "field: rule" or "field must", perhaps behind words of their own; what names no
// field of the section is the section's as a whole.
func (c checker) ask(path []string, err error, aliases ...alias) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && isJoin(err) {
		for _, e := range joined.Unwrap() {
			c.ask(path, e, aliases...)
		}
		return
	}
	parts := strings.Split(strings.ReplaceAll(err.Error(), "\n", "; "), ": ")
	at, rule := path, strings.Join(parts, ": ")
	for i, part := range parts {
		if steps, ok := c.field(at, part, aliases); ok && i+1 < len(parts) {
			at, rule = steps, strings.Join(parts[i+1:], ": ")
			continue
		}
		if first, _, ok := strings.Cut(part, " "); ok {
			if steps, ok := c.field(at, first, aliases); ok {
				at, rule = steps, strings.Join(parts[i:], ": ")[len(first)+1:]
				break
			}
		}
	}
	if n, _, whole := c.root.find(at); whole && n.kind != mapping && n.kind != list {
		rule = instead.ReplaceAllString(before.ReplaceAllString(rule, ""), "")
	}
	c.object(at, rule)
}

// isJoin reports whether an error with several causes is no more than their list.
func isJoin(err error) bool { return reflect.TypeOf(err) == reflect.TypeOf(errors.Join(err)) }

// field returns the path of what a room calls by that name inside of path.
func (c checker) field(path []string, room string, aliases []alias) ([]string, bool) {
	if !name.MatchString(room) {
		return nil, false
	}
	for _, a := range aliases {
		if within(room, a.room) {
			room = strings.TrimPrefix(a.file+room[len(a.room):], ".")
			break
		}
	}
	steps := append(path[:len(path):len(path)], stepsOf(room)...)
	return steps, hasField(reflect.TypeFor[Config](), steps)
}

// stepsOf is the inverse of fieldOf.
func stepsOf(field string) []string {
	return strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// hasField reports whether the path leads to something that the file may set.
func hasField(t reflect.Type, path []string) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if len(path) == 0 {
		return true
	}
	switch t.Kind() {
	case reflect.Slice:
		_, err := strconv.Atoi(path[0])
		return err == nil && hasField(t.Elem(), path[1:])
	case reflect.Map:
		return hasField(t.Elem(), path[1:])
	case reflect.Struct:
		for _, f := range fieldsOf(t) {
			if f.key == path[0] {
				return hasField(f.Type, path[1:])
			}
		}
	}
	return false
}

// zeros refuses a zero that stands in the file where the defaults, which cannot
// tell it from an absent key, replaced it: what is written must be what is in
// force.
func (c checker) zeros(n *node, v reflect.Value, path []string) {
	if n == nil || n.kind == null {
		return
	}
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if v.CanAddr() {
		if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			c.zero(n, v, path)
			return
		}
	}
	switch {
	case v.Kind() == reflect.Struct && n.kind == mapping:
		for _, f := range fieldsOf(v.Type()) {
			if e := n.child(f.key); e != nil {
				c.zeros(e.value, f.in(v), step(path, f.key))
			}
		}
	case v.Kind() == reflect.Slice && n.kind == list && v.Len() == len(n.items):
		for i, item := range n.items {
			c.zeros(item, v.Index(i), step(path, strconv.Itoa(i)))
		}
	default:
		c.zero(n, v, path)
	}
}

func (c checker) zero(n *node, v reflect.Value, path []string) {
	if v.Kind() == reflect.Map || v.Kind() == reflect.Slice || v.IsZero() {
		return
	}
	written := reflect.New(v.Type())
	scratch := problems{}
	decode(n, written.Elem(), path, &scratch)
	if len(scratch.list) == 0 && written.Elem().IsZero() {
		c.object(path, fmt.Sprintf("stands for the default, %s: leave the key out, or write another value", show(v)))
	}
}

// show writes a value as the file would.
func show(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return formatDuration(d)
	}
	return fmt.Sprint(v.Interface())
}
