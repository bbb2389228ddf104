package models

import (
	"fmt"
	"reflect"
	"slices"
)

// Grow returns spec with more classes, and parameters for it that hold p's values: the
// logits of the old classes keep their bits. A new class starts with zeros in every
// tensor, and so with a logit of 0 in kinds whose output layer is affine. It returns
// ErrSpec if the classes are not more, or if a tensor of the kind does more than gain
// columns.
func (r *Registry) Grow(s Spec, p Params, classes int) (Spec, Params, error) {
	if s.Task != Multiclass || classes <= s.Classes {
		return s, nil, specError("classes", "is %d for task %s, cannot grow to %d", s.Classes, s.Task, classes)
	}
	if err := s.mayGrow(); err != nil {
		return s, nil, err
	}
	s.Classes = classes
	a, l, err := r.layout(s)
	if err != nil {
		return s, nil, err
	}
	grown := l.zeros(a)
	if err := Widen(grown, p); err != nil {
		return s, nil, specError("classes", "cannot grow in kind %s: %v", s.Kind, err)
	}
	return s, grown, nil
}

// mayGrow returns ErrSpec if a class that starts with zeros would never learn.
func (s Spec) mayGrow() error {
	if s.ClassNorm != 0 {
		return specError("classes", "cannot grow with class_norm: weights of zero have no direction")
	}
	return nil
}

// Grow is Default().Grow.
func Grow(s Spec, p Params, classes int) (Spec, Params, error) { return Default().Grow(s, p, classes) }

// GrowFrozen is Grow for weights that are frozen; they are returned as they are if they
// know so many classes already.
func GrowFrozen(s Spec, weights *Frozen, classes int) (*Frozen, error) {
	if s.Classes == classes {
		return weights, nil
	}
	_, grown, err := Grow(s, weights.Params(), classes)
	if err != nil {
		return nil, err
	}
	return grown.Freeze(), nil
}

// Widen copies src to dst, whose tensors may have more columns, elements of their last
// axis, than src's; the others stay as they are. It returns ErrParams, and copies nothing,
// if the tensors differ in anything else.
func Widen(dst, src Params) error {
	if len(dst) != len(src) {
		return fmt.Errorf("%w: %d tensors, must be %d", ErrParams, len(src), len(dst))
	}
	for i, d := range dst {
		if !widens(d, src[i]) {
			return fmt.Errorf("%w: tensor %d is %s %v, must be %s %v with no more columns",
				ErrParams, i, src[i].Name, src[i].Shape, d.Name, d.Shape)
		}
	}
	for i, d := range dst {
		from, to := columns(src[i]), columns(d)
		for row := range len(src[i].Data) / max(from, 1) {
			copy(d.Data[row*to:], src[i].Data[row*from:(row+1)*from])
		}
	}
	return nil
}

// widens says that d is s, or s with more columns.
func widens(d, s Param) bool {
	n := len(s.Shape) - 1
	if d.Name != s.Name || len(d.Shape) != n+1 {
		return false
	}
	return n < 0 || slices.Equal(d.Shape[:n], s.Shape[:n]) && d.Shape[n] >= s.Shape[n]
}

func columns(p Param) int {
	if len(p.Shape) == 0 {
		return 1
	}
	return p.Shape[len(p.Shape)-1]
}

// GrewFrom reports whether s is base, or base with more classes, up to most.
func (s Spec) GrewFrom(base Spec, most int) bool {
	if s.Classes < base.Classes || s.Classes > max(base.Classes, most) {
		return false
	}
	s.Classes = base.Classes
	return reflect.DeepEqual(s, base)
}

// Grows returns ErrSpec unless parameters of spec s can be widened to those of wide, which
// differs in the number of classes alone.
func (r *Registry) Grows(s, wide Spec) error {
	if s.Classes != wide.Classes {
		if err := s.mayGrow(); err != nil {
			return err
		}
	}
	_, from, err := r.layout(s)
	if err != nil {
		return err
	}
	_, to, err := r.layout(wide)
	if err != nil {
		return err
	}
	if len(from) != len(to) {
		return specError("classes", "cannot grow in kind %s", s.Kind)
	}
	for i, t := range from {
		if !widens(Param{Name: to[i].Name, Shape: to[i].Shape}, Param{Name: t.Name, Shape: t.Shape}) {
			return specError("classes", "cannot grow in kind %s: %s would change from %v to %v", s.Kind, t.Name, t.Shape, to[i].Shape)
		}
	}
	return nil
}

// Grows is Default().Grows.
func Grows(s, wide Spec) error { return Default().Grows(s, wide) }

// Grown returns the number of classes that parameters of a grown spec have: s with as many
// has their names and shapes, which is all that is looked at. It returns ErrParams if no number of classes from s's own on does.
func (r *Registry) Grown(s Spec, p Params) (int, error) {
	_, l, err := r.layout(s)
	if err != nil {
		return 0, err
	}
	if l.describes(p) {
		return s.Classes, nil
	}
	if s.Task == Multiclass && len(p) == len(l) {
		for i, t := range l {
			if !slices.Equal(t.Shape, p[i].Shape) {
				s.Classes = max(s.Classes, columns(p[i]))
				if _, l, err := r.layout(s); err == nil && l.describes(p) {
					return s.Classes, nil
				}
				break
			}
		}
	}
	return 0, fmt.Errorf("%w: no number of classes gives kind %s these tensors", ErrParams, s.Kind)
}

// describes reports whether p has the layout's names and shapes.
func (l Layout) describes(p Params) bool {
	if len(l) != len(p) {
		return false
	}
	for i, t := range l {
		if t.Name != p[i].Name || !slices.Equal(t.Shape, p[i].Shape) {
			return false
		}
	}
	return true
}

// Grown is Default().Grown.
func Grown(s Spec, p Params) (int, error) { return Default().Grown(s, p) }
