package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

var (
	errDepth  = errors.New("is nested too deeply")
	errSyntax = errors.New("is not valid JSON")
)

// A span is a piece of the body: body[from:to].
type span struct{ from, to uint32 }

// A cursor walks over one JSON text without copying it. Each method expects the
// cursor before a value, leaves it behind that value, and returns errSyntax or
// errDepth wrapped with the place.
type cursor struct {
	b     []byte
	i     int
	depth int // containers that may still be opened
}

func (c *cursor) syntax(want string) error {
	return fmt.Errorf("%w: %s expected at byte %d", errSyntax, want, c.i)
}

// peek skips white space and returns the next byte, or 0 at the end.
func (c *cursor) peek() byte {
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case ' ', '\t', '\n', '\r':
			c.i++
		default:
			return c.b[c.i]
		}
	}
	return 0
}

// end returns an error if anything but white space is left.
func (c *cursor) end() error {
	if c.peek(); c.i != len(c.b) {
		return c.syntax("the end")
	}
	return nil
}

// object calls member for each key, with the cursor before its value. key is valid
// during the call.
func (c *cursor) object(member func(key []byte) error) error {
	if err := c.open('{', "an object"); err != nil {
		return err
	}
	defer func() { c.depth++ }()
	if c.peek() == '}' {
		c.i++
		return nil
	}
	for {
		key, err := c.raw()
		if err != nil {
			return err
		}
		if c.peek() != ':' {
			return c.syntax("a colon")
		}
		c.i++
		if err := member(key); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.i++
		case '}':
			c.i++
			return nil
		default:
			return c.syntax("a comma or the end of the object")
		}
	}
}

// array calls element for each element, with the cursor before it.
func (c *cursor) array(element func() error) error {
	if err := c.open('[', "an array"); err != nil {
		return err
	}
	defer func() { c.depth++ }()
	if c.peek() == ']' {
		c.i++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.i++
		case ']':
			c.i++
			return nil
		default:
			return c.syntax("a comma or the end of the array")
		}
	}
}

func (c *cursor) open(bracket byte, what string) error {
	if c.peek() != bracket {
		return c.syntax(what)
	}
	if c.depth == 0 {
		return fmt.Errorf("%w: at byte %d", errDepth, c.i)
	}
	c.depth--
	c.i++
	return nil
}

// text reads a string and decodes it.
func (c *cursor) text() (string, error) {
	raw, err := c.raw()
	return string(raw), err
}

// raw is text without a copy where the string has no escape: a piece of the body.
func (c *cursor) raw() ([]byte, error) {
	if c.peek() != '"' {
		return nil, c.syntax("a string")
	}
	s, err := c.str()
	if err != nil {
		return nil, err
	}
	raw := c.b[s.from+1 : s.to-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw, nil
	}
	var out string
	if err := json.Unmarshal(c.b[s.from:s.to], &out); err != nil {
		return nil, fmt.Errorf("%w: %w", errSyntax, err)
	}
	return []byte(out), nil
}

// str reads a string with its quotes, at the opening quote.
func (c *cursor) str() (span, error) {
	from := c.i
	for c.i++; c.i < len(c.b); c.i++ {
		switch ch := c.b[c.i]; {
		case ch == '"':
			c.i++
			return span{uint32(from), uint32(c.i)}, nil
		case ch < 0x20:
			return span{}, c.syntax("no control character in a string")
		case ch == '\\':
			if err := c.escape(); err != nil {
				return span{}, err
			}
		}
	}
	return span{}, c.syntax("the end of a string")
}

// escape checks an escape sequence and stops on its last byte.
func (c *cursor) escape() error {
	if c.i++; c.i >= len(c.b) {
		return c.syntax("an escape")
	}
	switch c.b[c.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			if c.i++; c.i >= len(c.b) || !isHex(c.b[c.i]) {
				return c.syntax("four hexadecimal digits")
			}
		}
		return nil
	}
	return c.syntax("an escape")
}

func isHex(ch byte) bool {
	return isDigit(ch) || 'a' <= ch && ch <= 'f' || 'A' <= ch && ch <= 'F'
}

func isDigit(ch byte) bool { return '0' <= ch && ch <= '9' }

// scalar reads a string, a number, true, false or null.
func (c *cursor) scalar() (span, error) {
	switch ch := c.peek(); {
	case ch == '"':
		return c.str()
	case ch == '-' || isDigit(ch):
		return c.number()
	case ch == 't':
		return c.literal("true")
	case ch == 'f':
		return c.literal("false")
	case ch == 'n':
		return c.literal("null")
	}
	return span{}, c.syntax("a value")
}

func (c *cursor) literal(word string) (span, error) {
	if len(c.b)-c.i < len(word) || string(c.b[c.i:c.i+len(word)]) != word {
		return span{}, c.syntax(word)
	}
	from := c.i
	c.i += len(word)
	return span{uint32(from), uint32(c.i)}, nil
}

// number reads a number by the grammar of RFC 8259.
func (c *cursor) number() (span, error) {
	from := c.i
	if c.b[c.i] == '-' {
		c.i++
	}
	switch {
	case c.i < len(c.b) && c.b[c.i] == '0':
		c.i++
	case !c.digits():
		return span{}, c.syntax("a digit")
	}
	if c.i < len(c.b) && c.b[c.i] == '.' {
		c.i++
		if !c.digits() {
			return span{}, c.syntax("a digit")
		}
	}
	if c.i < len(c.b) && (c.b[c.i] == 'e' || c.b[c.i] == 'E') {
		c.i++
		if c.i < len(c.b) && (c.b[c.i] == '+' || c.b[c.i] == '-') {
			c.i++
		}
		if !c.digits() {
			return span{}, c.syntax("a digit")
		}
	}
	return span{uint32(from), uint32(c.i)}, nil
}

// digits skips digits and reports whether there was one.
func (c *cursor) digits() bool {
	from := c.i
	for c.i < len(c.b) && isDigit(c.b[c.i]) {
		c.i++
	}
	return c.i > from
}

// skip reads any value and returns where it was.
func (c *cursor) skip() (span, error) {
	ch := c.peek()
	from := c.i
	var err error
	switch ch {
	case '{':
		err = c.object(func([]byte) error { _, err := c.skip(); return err })
	case '[':
		err = c.array(func() error { _, err := c.skip(); return err })
	default:
		return c.scalar()
	}
	return span{uint32(from), uint32(c.i)}, err
}
