package data

import "fmt"

// A Set is a table of examples in the order of its file. Its features are pixels, or
// numbers and categories.
type Set struct {
	Name string
	// Classes is the number of classes; 0 if the targets are values.
	Classes int
	// Targets holds the class's index, or the value, of each row.
	Targets []float32

	Height, Width int
	Pixels        []uint8 // rows × Height·Width, or nil

	Columns    []string  // names of the numbers
	Dense      []float32 // rows × len(Columns)
	Buckets    []int     // size of each category
	Categories []int32   // rows × len(Buckets)
}

// A Split is what is learned from, and what is only scored. Streams have no Test.
type Split struct{ Train, Test *Set }

// Len returns the number of rows.
func (s *Set) Len() int { return len(s.Targets) }

// Image reports whether the features are pixels.
func (s *Set) Image() bool { return s.Pixels != nil }

// Numbers returns the number of dense features of a row.
func (s *Set) Numbers() int {
	if s.Image() {
		return s.Height * s.Width
	}
	return len(s.Columns)
}

// Class returns the class of row i.
func (s *Set) Class(i int) int { return int(s.Targets[i]) }

// Head returns the first n rows, sharing their memory.
func (s *Set) Head(n int) *Set {
	h := *s
	n = min(n, s.Len())
	h.Targets = s.Targets[:n]
	if s.Image() {
		h.Pixels = s.Pixels[:n*s.Numbers()]
	} else {
		h.Dense, h.Categories = s.Dense[:n*len(s.Columns)], s.Categories[:n*len(s.Buckets)]
	}
	return &h
}

// check holds lengths and classes against each other.
func (s *Set) check() error {
	n := s.Len()
	switch {
	case n == 0:
		return fmt.Errorf("%s: %w: no rows", s.Name, ErrFormat)
	case s.Image() && len(s.Pixels) != n*s.Numbers():
		return fmt.Errorf("%s: %w: %d labels for %d images", s.Name, ErrFormat, n, len(s.Pixels)/max(1, s.Numbers()))
	}
	for i, t := range s.Targets {
		if s.Classes > 0 && !(t >= 0 && int(t) < s.Classes) {
			return fmt.Errorf("%s: %w: row %d has class %g of %d", s.Name, ErrFormat, i, t, s.Classes)
		}
	}
	return nil
}
