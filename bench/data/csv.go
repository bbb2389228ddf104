package data

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// CSV says how a table of comma-separated values is to be read.
type CSV struct {
	// Label names the column to learn; without a header, its number from 0. By
	// default it is the last.
	Label string
	// Headless says that the first line is a row.
	Headless bool
	// Drop lists columns to leave out.
	Drop []string
	// Comma separates values; by default a comma.
	Comma rune
}

// Read reads a table.
func (c CSV) Read(name string, r io.Reader) (*Set, error) {
	in := csv.NewReader(&lines{r: r})
	in.ReuseRecord = true
	if c.Comma != 0 {
		in.Comma = c.Comma
	}
	var columns []*column
	keep, n := []int(nil), 0
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if columns == nil {
			if columns, keep, err = c.columns(row); err != nil {
				return nil, err
			}
			if !c.Headless {
				continue
			}
		}
		for i, at := range keep {
			if err := columns[i].add(row[at]); err != nil {
				line, _ := in.FieldPos(at)
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
		}
		if n++; n*len(keep) > maxValues {
			return nil, fmt.Errorf("%w: more than %d values", ErrFormat, maxValues)
		}
	}
	if columns == nil {
		return nil, fmt.Errorf("%w: no lines", ErrFormat)
	}
	label := len(columns) - 1
	if c.Label != "" {
		label = slices.IndexFunc(columns, func(col *column) bool { return col.name == c.Label })
	}
	if label < 0 {
		return nil, fmt.Errorf("%w: no column %q to learn", ErrFormat, c.Label)
	}
	return table(name, columns, label, n)
}

// columns names the columns after the first line, and says which are kept.
func (c CSV) columns(first []string) (columns []*column, keep []int, err error) {
	if len(first) > maxColumns {
		return nil, nil, fmt.Errorf("%w: %d columns, at most %d are read", ErrFormat, len(first), maxColumns)
	}
	for i, name := range first {
		if c.Headless {
			name = strconv.Itoa(i)
		}
		if !slices.Contains(c.Drop, name) {
			columns, keep = append(columns, &column{name: string([]byte(name))}), append(keep, i)
		}
	}
	if len(columns) < 2 {
		return nil, nil, fmt.Errorf("%w: %d columns, must be a feature and a label at least", ErrFormat, len(columns))
	}
	return columns, keep, nil
}

// lines bounds the length of a line, which encoding/csv does not.
type lines struct {
	r   io.Reader
	run int
}

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for _, b := range p[:n] {
		if l.run++; b == '\n' {
			l.run = 0
		}
		if l.run > maxLine {
			return 0, fmt.Errorf("%w: a line is longer than %d bytes", ErrFormat, maxLine)
		}
	}
	return n, err
}
