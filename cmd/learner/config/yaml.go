package config

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxFile bounds the file: thousands of features fit many times over.
	maxFile = 1 << 20
	// maxFlow bounds how deep [ and { may nest.
	maxFlow = 32
	// maxIndent bounds the column of what nests by indentation, and by that its
	// depth.
	maxIndent = 200
	// maxKeys bounds the keys of a block mapping: the parser takes time in the
	// square of them.
	maxKeys = 1000
	// maxTokens bounds what the parser is given at all; a feature takes some 20.
	maxTokens = 200_000
)

// parseYAML reads the one document of data. What it cannot read it adds to p, and
// the tree then lacks it; the tree is nil if nothing could be read.
func parseYAML(data []byte, p *problems) (root *node) {
	if len(data) > maxFile {
		p.add(place{}, "", fmt.Sprintf("must be at most %v long", Bytes(maxFile)), Bytes(len(data)).String())
		return nil
	}
	// The parser is not ours, and input that nobody thought of may panic it: for
	// whoever wrote the file that is one more thing that cannot be read.
	defer func() {
		if r := recover(); r != nil {
			p.add(place{}, "", "is not YAML that can be read", "")
			root = nil
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if !shallow(tokens, p) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, rule := place{}, "is not YAML"
		// Only the message: the parser's Error() prints the source around it, too.
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			rule += ": " + syntax.GetMessage()
			if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
				at = placeOf(tk)
			}
		}
		p.add(at, "", rule, "")
		return nil
	}
	r := reader{p}
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case nil, *ast.CommentGroupNode:
		case *ast.DirectiveNode:
			p.add(placeOf(body.GetToken()), "", "must not have a directive", "")
		default:
			if root != nil {
				p.add(placeOf(body.GetToken()), "", "must be one document", "")
				return root
			}
			root = r.node(body, nil)
		}
	}
	if root == nil {
		return &node{kind: mapping, at: place{1, 1}}
	}
	if root.kind != mapping {
		p.add(root.at, "", "must be a mapping of keys to values", root.got())
		return nil
	}
	return root
}

// shallow refuses what nests too deep or is too wide, before a parser recurses into it
// or spends time in the square of it.
func shallow(tokens token.Tokens, p *problems) bool {
	if len(tokens) > maxTokens {
		p.add(place{}, "", fmt.Sprintf("is too large: at most %d words and signs", maxTokens), "")
		return false
	}
	var keys [maxIndent + 1]int // of the block mappings that are open, by column
	flow := 0
	for i, tk := range tokens {
		start := tk // of the key or the entry
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(flow-1, 0)
			continue // it stands where the line is at its end
		case token.MappingKeyType:
			p.add(placeOf(tk), "", "must not have a complex key (?)", "")
			return false
		case token.MappingValueType:
			start = tokens[max(i-1, 0)]
		case token.SequenceEntryType:
			if flow > 0 {
				p.add(placeOf(tk), "", "is not YAML: a dash inside of brackets", "")
				return false
			}
		default:
			continue
		}
		if flow > maxFlow {
			p.add(placeOf(tk), "", fmt.Sprintf("is nested too deep: at most %d levels", maxFlow), "")
			return false
		}
		col := start.Position.Column
		if flow > 0 {
			continue
		}
		if col > maxIndent || col < 0 {
			p.add(placeOf(start), "", fmt.Sprintf("is indented too deep: at most %d columns", maxIndent), "")
			return false
		}
		clear(keys[min(col+1, len(keys)):])
		if tk.Type == token.MappingValueType {
			if keys[col]++; keys[col] > maxKeys {
				p.add(placeOf(start), "", fmt.Sprintf("has too many keys: at most %d in one mapping", maxKeys), "")
				return false
			}
		}
	}
	return true
}

func placeOf(tk *token.Token) place { return place{tk.Position.Line, tk.Position.Column} }

// A reader reduces the parser's tree to nodes.
type reader struct{ p *problems }

// node converts n, which lies at path. It refuses, and returns as null, what has
// no place in a configuration: anchors and aliases, which let a small file grow
// without bound, and tags, which change what a value is.
func (r reader) node(n ast.Node, path []string) *node {
	tk := n.GetToken()
	out := &node{at: placeOf(tk), text: tk.Value}
	refuse := func(rule string) *node {
		r.p.add(out.at, fieldOf(path), rule, "")
		return &node{at: out.at}
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		out.kind, out.bool = boolean, n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		return r.number(out, path)
	case *ast.InfinityNode, *ast.NanNode:
		return refuse("must be a finite number")
	case *ast.StringNode:
		out.kind, out.text = text, n.Value
		if tk.Type == token.StringType && plainNumber.MatchString(n.Value) {
			return r.number(out, path)
		}
	case *ast.LiteralNode:
		out.kind, out.text = text, n.Value.Value
	case *ast.SequenceNode:
		out.kind = list
		for i, item := range n.Values {
			out.items = append(out.items, r.node(item, append(path, strconv.Itoa(i))))
		}
	case *ast.MappingNode:
		out.kind = mapping
		r.entries(out, n.Values, path)
	case *ast.MappingValueNode:
		out.kind = mapping
		r.entries(out, []*ast.MappingValueNode{n}, path)
	case *ast.AnchorNode:
		return refuse("must not be an anchor: write the value out")
	case *ast.AliasNode:
		return refuse("must not be an alias: write the value out")
	case *ast.TagNode:
		return refuse("must not have a tag: the field decides what the value is")
	default:
		return refuse("is not a value")
	}
	return out
}

func (r reader) number(out *node, path []string) *node {
	n, rule := normalise(out.text)
	if rule != "" {
		r.p.add(out.at, fieldOf(path), rule, out.text)
		return &node{at: out.at}
	}
	out.kind, out.number = number, n
	return out
}

// entries fills out with the keys, each once.
func (r reader) entries(out *node, values []*ast.MappingValueNode, path []string) {
	seen := make(map[string]place, len(values))
	for i, v := range values {
		tk := v.Key.GetToken()
		at := placeOf(tk)
		if i == 0 && !out.flow(values) {
			out.at = at
		}
		if v.Key.IsMergeKey() {
			r.p.add(at, fieldOf(path), "must not merge another mapping: write its keys out", "")
			continue
		}
		if _, ok := v.Key.(*ast.MappingKeyNode); ok {
			r.p.add(at, fieldOf(path), "must not have a complex key (?)", "")
			continue
		}
		key := tk.Value
		here := append(path[:len(path):len(path)], key)
		if first, ok := seen[key]; ok {
			r.p.add(at, fieldOf(here), fmt.Sprintf("is set twice: first on line %d", first.line), "")
			continue
		}
		seen[key] = at
		out.entries = append(out.entries, entry{key: key, at: at, value: r.node(v.Value, here)})
	}
}

// flow reports whether a mapping is written in braces: its own place is then the
// brace, and its first key's otherwise.
func (n *node) flow(values []*ast.MappingValueNode) bool {
	return n.at.line < values[0].Key.GetToken().Position.Line ||
		n.at.col < values[0].Key.GetToken().Position.Column
}
