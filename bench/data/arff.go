package data

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ARFF reads a table in Weka's attribute-relation format; label names the attribute to
// learn, by default the last. Dense rows of numeric and nominal attributes are read.
func ARFF(name, label string, r io.Reader) (*Set, error) {
	in := bufio.NewScanner(&lines{r: r})
	in.Buffer(make([]byte, 0, 1<<16), maxLine+1)
	var columns []*column
	var classes [][]string // the declared values of nominal attributes
	line, body, n := 0, false, 0
	for in.Scan() {
		line++
		text := strings.TrimSpace(in.Text())
		if text == "" || text[0] == '%' {
			continue
		}
		var err error
		if body {
			err = arffRow(text, columns, classes)
			if n++; n*len(columns) > maxValues {
				err = fmt.Errorf("%w: more than %d values", ErrFormat, maxValues)
			}
		} else if word, rest := cutWord(text); strings.EqualFold(word, "@attribute") {
			var c *column
			var values []string
			if c, values, err = attribute(rest); err == nil {
				columns, classes = append(columns, c), append(classes, values)
			}
			if len(columns) > maxColumns {
				err = fmt.Errorf("%w: more than %d attributes", ErrFormat, maxColumns)
			}
		} else if strings.EqualFold(word, "@data") {
			body = true
		} else if !strings.EqualFold(word, "@relation") {
			err = fmt.Errorf("%w: %q is no declaration", ErrFormat, clip(word))
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w: %w", line+1, ErrFormat, err)
	}
	at := len(columns) - 1
	if label != "" {
		at = slices.IndexFunc(columns, func(c *column) bool { return c.name == label })
	}
	if len(columns) < 2 || at < 0 {
		return nil, fmt.Errorf("%w: %d attributes, none of them %q to learn", ErrFormat, len(columns), label)
	}
	return table(name, columns, at, n)
}

func cutWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// attribute reads what follows @attribute: a name, and a type or the values it may have.
func attribute(s string) (*column, []string, error) {
	name, kind := cutWord(s)
	if s != "" && (s[0] == '\'' || s[0] == '"') {
		end := strings.IndexByte(s[1:], s[0])
		if end < 0 {
			return nil, nil, fmt.Errorf("%w: a quote is not closed", ErrFormat)
		}
		name, kind = s[1:1+end], strings.TrimSpace(s[2+end:])
	}
	if strings.HasPrefix(kind, "{") && strings.HasSuffix(kind, "}") {
		values, err := fields(kind[1 : len(kind)-1])
		return &column{name: name, nominal: true}, values, err
	}
	switch strings.ToLower(kind) {
	case "numeric", "real", "integer":
		return &column{name: name}, nil, nil
	}
	return nil, nil, fmt.Errorf("%w: attribute %q is of type %q, must be numeric or nominal", ErrFormat, clip(name), clip(kind))
}

func arffRow(text string, columns []*column, classes [][]string) error {
	if text[0] == '{' {
		return fmt.Errorf("%w: sparse rows are not read", ErrFormat)
	}
	values, err := fields(text)
	if err != nil {
		return err
	}
	if len(values) != len(columns) {
		return fmt.Errorf("%w: %d values for %d attributes", ErrFormat, len(values), len(columns))
	}
	for i, c := range columns {
		if c.nominal && !slices.Contains(classes[i], values[i]) {
			return fmt.Errorf("%w: %s is %q, which is not declared", ErrFormat, c.name, clip(values[i]))
		}
		if err := c.add(values[i]); err != nil {
			return err
		}
		if len(c.numbers) == 0 && c.nominal && classes[i] == nil {
			return fmt.Errorf("%w: %s is %q, must be a number", ErrFormat, c.name, clip(values[i]))
		}
	}
	return nil
}

// fields splits a line at its commas, outside of quotes.
func fields(s string) ([]string, error) {
	var out []string
	for {
		s = strings.TrimSpace(s)
		var value string
		if s != "" && (s[0] == '\'' || s[0] == '"') {
			end := strings.IndexByte(s[1:], s[0])
			if end < 0 {
				return nil, fmt.Errorf("%w: a quote is not closed", ErrFormat)
			}
			value, s = s[1:1+end], strings.TrimSpace(s[2+end:])
			if s != "" && s[0] != ',' {
				return nil, fmt.Errorf("%w: %q follows a quote", ErrFormat, clip(s))
			}
		} else if i := strings.IndexByte(s, ','); i >= 0 {
			value, s = strings.TrimSpace(s[:i]), s[i:]
		} else {
			value, s = s, ""
		}
		out = append(out, value)
		if s == "" {
			return out, nil
		}
		s = s[1:]
	}
}
