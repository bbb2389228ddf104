package data

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A column gathers one column of a table: numbers for as long as every value is one, and
// otherwise names.
type column struct {
	name    string
	numbers []float32
	text    []int32 // index into names, in order of appearance
	names   []string
	index   map[string]int32
	nominal bool // names, whatever the values look like
}

// add takes the value of the next row.
func (c *column) add(value string) error {
	if value == "" || value == "?" {
		return fmt.Errorf("%w: %s is missing", ErrFormat, c.name)
	}
	if !c.nominal {
		v, err := strconv.ParseFloat(value, 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			if len(c.numbers) > 0 {
				return fmt.Errorf("%w: %s is %q, must be a finite number as in the rows before", ErrFormat, c.name, clip(value))
			}
			c.nominal = true
		} else {
			c.numbers = append(c.numbers, float32(v))
			return nil
		}
	}
	i, ok := c.index[value]
	if !ok {
		if len(c.names) == maxNames {
			return fmt.Errorf("%w: %s has more than %d different values", ErrFormat, c.name, maxNames)
		}
		if c.index == nil {
			c.index = map[string]int32{}
		}
		i = int32(len(c.names))
		c.index[value] = i
		c.names = append(c.names, value)
	}
	c.text = append(c.text, i)
	return nil
}

func clip(s string) string { return s[:min(len(s), 40)] }

// rank returns the place of each name among all of them in order, so that a number stands
// for the same name wherever in the file it comes first.
func (c *column) rank() []int32 {
	order := make([]int32, len(c.names))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(c.names[a], c.names[b]) })
	rank := make([]int32, len(order))
	for place, i := range order {
		rank[i] = int32(place)
	}
	return rank
}

// table turns columns of n rows into a Set; label is the index of the column to learn.
func table(name string, columns []*column, label, n int) (*Set, error) {
	s := &Set{Name: name}
	var dense, categories []*column
	for i, c := range columns {
		switch {
		case i == label:
			s.label(c)
		case c.nominal:
			categories = append(categories, c)
			s.Buckets = append(s.Buckets, max(1, len(c.names)))
		default:
			dense = append(dense, c)
			s.Columns = append(s.Columns, c.name)
		}
	}
	if n*(len(dense)+len(categories)) > maxValues {
		return nil, fmt.Errorf("%w: more than %d values", ErrFormat, maxValues)
	}
	ranks := make([][]int32, len(categories))
	for i, c := range categories {
		ranks[i] = c.rank()
	}
	for row := range n {
		for _, c := range dense {
			s.Dense = append(s.Dense, c.numbers[row])
		}
		for i, c := range categories {
			s.Categories = append(s.Categories, ranks[i][c.text[row]])
		}
	}
	return s, s.check()
}

// label numbers the classes: names by their order, whole numbers by theirs; other numbers
// are values.
func (s *Set) label(c *column) {
	if c.nominal {
		rank := c.rank()
		s.Classes = len(c.names)
		for _, i := range c.text {
			s.Targets = append(s.Targets, float32(rank[i]))
		}
		return
	}
	const most = 1 << 10
	distinct := map[float32]float32{}
	for _, v := range c.numbers {
		distinct[v] = 0
		if v != float32(math.Trunc(float64(v))) || len(distinct) > most {
			s.Targets = c.numbers
			return
		}
	}
	order := make([]float32, 0, len(distinct))
	for v := range distinct {
		order = append(order, v)
	}
	slices.Sort(order)
	for place, v := range order {
		distinct[v] = float32(place)
	}
	s.Classes = len(order)
	for _, v := range c.numbers {
		s.Targets = append(s.Targets, distinct[v])
	}
}
