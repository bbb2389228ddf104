package models

import "fmt"

// A Bag is one categorical feature of several values: a run of Spec.Categories, of which a
// row uses as many as it has values, and leaves the others below 0. They stand for rows of
// the same tables, whose sum or mean is what the feature is looked up as.
type Bag struct {
	First int `json:"first" yaml:"first"` // index of the first in Spec.Categories
	Size  int `json:"size" yaml:"size"`   // their number, which is how many values a row may have
	// Mean divides what a row's values stand for by their number.
	Mean bool `json:"mean,omitempty" yaml:"mean"`
}

// checkBags returns ErrSpec unless the bags stand in order inside of the categories.
func (s Spec) checkBags() error {
	end := 0
	for i, b := range s.Bags {
		at := fmt.Sprintf("bags[%d]", i)
		switch {
		case b.First < end || b.First >= len(s.Categories):
			return specError(at+".first", "is %d, must be between %d and %d, behind the bag before", b.First, end, len(s.Categories)-1)
		case b.Size < 1 || b.Size > len(s.Categories)-b.First:
			return specError(at+".size", "is %d, must be between 1 and %d, inside of the categories", b.Size, len(s.Categories)-b.First)
		}
		end = b.First + b.Size
		for j := b.First + 1; j < end; j++ {
			if s.Categories[j] != s.Categories[b.First] {
				return specError(fmt.Sprintf("categories[%d]", j), "is %d, must be %d as in all of bags[%d]", s.Categories[j], s.Categories[b.First], i)
			}
		}
	}
	return nil
}

// fields calls f for each categorical feature with its first category, and its bag or, where
// it has one value, nil.
func (s Spec) fields(f func(first int, b *Bag)) {
	next := 0
	for i := 0; i < len(s.Categories); {
		if next < len(s.Bags) && s.Bags[next].First == i {
			f(i, &s.Bags[next])
			i += s.Bags[next].Size
			next++
			continue
		}
		f(i, nil)
		i++
	}
}

// sizes returns how many categories each categorical feature has.
func (s Spec) sizes() []int {
	var sizes []int
	s.fields(func(_ int, b *Bag) {
		if b == nil {
			sizes = append(sizes, 1)
		} else {
			sizes = append(sizes, b.Size)
		}
	})
	return sizes
}

// Absent returns for each of the categories whether a row may leave it out; nil if none may
// be.
func (s Spec) Absent() []bool {
	if len(s.Bags) == 0 {
		return nil
	}
	out := make([]bool, len(s.Categories))
	for _, b := range s.Bags {
		for j := range b.Size {
			out[b.First+j] = true
		}
	}
	return out
}

// offsets returns which row of the tables is each category's first.
func (s Spec) offsets() []int32 {
	out, next := make([]int32, len(s.Categories)), 0
	s.fields(func(first int, b *Bag) {
		n := 1
		if b != nil {
			n = b.Size
		}
		for j := range n {
			out[first+j] = int32(next)
		}
		if s.Table == 0 {
			next += s.Categories[first]
		}
	})
	return out
}

// averages says that a bag is a mean, for which ids have weights.
func (s Spec) averages() bool {
	for _, b := range s.Bags {
		if b.Mean {
			return true
		}
	}
	return false
}

// shares writes what each id of a row counts: 1, or in a bag that is a mean 1 over their
// number.
func (s Spec) shares(dst []float32, categories []int32) {
	for i := range dst {
		dst[i] = 1
	}
	for _, b := range s.Bags {
		if !b.Mean {
			continue
		}
		n := 0
		for _, c := range categories[b.First : b.First+b.Size] {
			if c >= 0 {
				n++
			}
		}
		for i := range b.Size {
			dst[b.First+i] = 1 / float32(max(n, 1))
		}
	}
}
