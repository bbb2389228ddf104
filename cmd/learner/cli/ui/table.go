package ui

import (
	"io"
	"strings"
	"unicode/utf8"
)

// A Table lays rows out in columns. Columns whose every cell is a number are
// aligned right.
type Table struct {
	header []string
	rows   [][]string
}

// NewTable starts a table with those column names.
func NewTable(header ...string) *Table { return &Table{header: clean(header)} }

// Row adds a row. Cells that are missing are empty; surplus ones are dropped.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.header))
	copy(row, clean(cells))
	t.rows = append(t.rows, row)
}

// WriteTo writes the table, two spaces between columns and none at the end of a line.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	widths := make([]int, len(t.header))
	right := make([]bool, len(t.header))
	for c, h := range t.header {
		widths[c], right[c] = utf8.RuneCountInString(h), len(t.rows) > 0
		for _, row := range t.rows {
			widths[c] = max(widths[c], utf8.RuneCountInString(row[c]))
			right[c] = right[c] && numeric(row[c])
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.header}, t.rows...) {
		var line strings.Builder
		for c, cell := range row {
			pad := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell))
			if c > 0 {
				line.WriteString("  ")
			}
			if right[c] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// numeric reports whether a cell begins as a number does; an empty cell and a dash
// stand for a missing one.
func numeric(cell string) bool {
	digits := strings.TrimLeft(cell, "+-.")
	return cell == "" || cell == "-" || digits != "" && digits[0] >= '0' && digits[0] <= '9'
}

func clean(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = Clean(c)
	}
	return out
}
