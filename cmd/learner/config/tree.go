package config

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A place is a line and a column, both from 1.
type place struct{ line, col int }

// shape is what a node of the file is.
type shape uint8

const (
	null shape = iota
	boolean
	number
	text
	list
	mapping
)

// A node is one value of the file with its place: YAML reduced to what JSON can
// say, so that a schema can judge it. It has no anchors, tags or merges.
type node struct {
	kind shape
	at   place

	bool    bool
	number  json.Number // normalised: a plain integer, or a finite float
	text    string      // of text; of other scalars, as written
	items   []*node
	entries []entry // in the order of the file
}

// An entry is one key of a mapping.
type entry struct {
	key   string
	at    place
	value *node
}

// child returns the entry with that key, or nil.
func (n *node) child(key string) *entry {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].key == key {
			return &n.entries[i]
		}
	}
	return nil
}

// find follows a path of keys and indices as far as the file goes. It returns the
// place of the deepest value that the file has: a scalar's own, a mapping's or a
// list's key.
func (n *node) find(path []string) (found *node, at place, whole bool) {
	at = n.at
	for _, step := range path {
		switch n.kind {
		case mapping:
			e := n.child(step)
			if e == nil {
				return n, at, false
			}
			n, at = e.value, e.at
			if n.kind != mapping && n.kind != list && n.kind != null {
				at = n.at
			}
		case list:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(n.items) {
				return n, at, false
			}
			n, at = n.items[i], n.items[i].at
		default:
			return n, at, false
		}
	}
	return n, at, true
}

// value turns the node into what encoding/json would have decoded with UseNumber.
func (n *node) value() any {
	switch n.kind {
	case boolean:
		return n.bool
	case number:
		return n.number
	case text:
		return n.text
	case list:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = item.value()
		}
		return out
	case mapping:
		out := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			out[e.key] = e.value.value()
		}
		return out
	}
	return nil
}

// got shows the node in an error: a scalar as written, anything else by its kind.
func (n *node) got() string {
	const most = 40
	switch n.kind {
	case null:
		return "nothing"
	case list:
		return fmt.Sprintf("a list of %d", len(n.items))
	case mapping:
		return "a mapping"
	case text:
		if r := []rune(n.text); len(r) > most {
			return strconv.Quote(string(r[:most])) + "..."
		}
		return strconv.Quote(n.text)
	}
	if len(n.text) > most {
		return n.text[:most] + "..."
	}
	return n.text
}

// fieldOf writes steps as a field: models, 0, name is models[0].name.
func fieldOf(steps []string) string {
	var b strings.Builder
	for _, s := range steps {
		if _, err := strconv.Atoi(s); err == nil {
			b.WriteString("[" + s + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s)
	}
	return b.String()
}

// plainNumber is a decimal number of YAML's core schema.
var plainNumber = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// normalise turns a number as written into JSON's form. The rule is set if it
// cannot be one.
func normalise(written string) (n json.Number, rule string) {
	digits := strings.TrimLeft(written, "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return "", "is ambiguous: YAML readers disagree about a leading zero; write it without, or quote it"
	}
	if i, err := strconv.ParseInt(written, 0, 64); err == nil {
		return json.Number(strconv.FormatInt(i, 10)), ""
	}
	if u, err := strconv.ParseUint(strings.TrimPrefix(written, "+"), 0, 64); err == nil {
		return json.Number(strconv.FormatUint(u, 10)), ""
	}
	f, err := strconv.ParseFloat(written, 64)
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		return "", "must be a finite number"
	case err != nil:
		return "", "is not a number"
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return json.Number(strconv.FormatInt(int64(f), 10)), ""
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), ""
}
