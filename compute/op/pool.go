package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// MaxPool returns, channel by channel, the largest pixel of each window. Each row of x is
// an image in, and of the result an image win.Over(in, in.Channels). The gradient of a
// pixel of the result goes to the first of the largest in its window, line by line. The
// window has no padding.
func MaxPool(x *gorgonia.Node, in Image, win Window) (*gorgonia.Node, error) {
	return applyPool("max pool", maximum, x, in, win)
}

// MeanPool returns, channel by channel, the mean of each window; otherwise it is as MaxPool.
func MeanPool(x *gorgonia.Node, in Image, win Window) (*gorgonia.Node, error) {
	return applyPool("mean pool", mean, x, in, win)
}

type poolKind uint8

const (
	maximum poolKind = iota
	mean
)

func applyPool(name string, kind poolKind, x *gorgonia.Node, in Image, win Window) (*gorgonia.Node, error) {
	out, err := win.Over(in, in.Channels)
	if err != nil {
		return nil, err
	}
	if win.Padding != 0 {
		return nil, fmt.Errorf("%w: padding of a pool is %d, must be 0", ErrShape, win.Padding)
	}
	g := pooling{kind: kind, in: in, out: out, win: win}
	o := &pool{base: base{name: g.title(name), arity: 1, typ: hm.NewFnType(matrix, matrix)}, g: g}
	return gorgonia.ApplyOp(o, x)
}

// A pooling is the geometry that a pool and its gradient share.
type pooling struct {
	kind    poolKind
	in, out Image
	win     Window
}

func (g pooling) title(of string) string { return fmt.Sprintf("%s %v of %v", of, g.win, g.in) }

// share is what a mean multiplies a sum by.
func (g pooling) share() float32 { return 1 / float32(g.win.Size*g.win.Size) }

// each calls f for each pixel of each position of an image, with the elements of input and
// result where the channels begin, and whether it is the first of the position.
func (g pooling) each(f func(x, y int, first bool)) {
	for i := range g.out.Height {
		for j := range g.out.Width {
			y := (i*g.out.Width + j) * g.out.Channels
			g.win.taps(g.in, i, j, func(top, left, line, column int) {
				f((line*g.in.Width+column)*g.in.Channels, y, top+left == 0)
			})
		}
	}
}

type pool struct {
	base
	g   pooling
	out output
}

func (o *pool) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{s[0][0], o.g.out.Size()}, rowsOf(o.name, s[0], o.g.in)
}

func (o *pool) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	if err := rowsOf(o.name, s, o.g.in); err != nil {
		return nil, err
	}
	dst := o.out.matrix(s[0], o.g.out.Size())
	for i := range s[0] {
		image, to := x[i*s[1]:], dst[i*o.g.out.Size():]
		o.g.each(func(x, y int, first bool) {
			for c, v := range image[x : x+o.g.in.Channels] {
				switch {
				case first:
					to[y+c] = v
				case o.g.kind == mean:
					to[y+c] += v
				case v > to[y+c] || v != v:
					to[y+c] = v
				}
			}
		})
	}
	if o.g.kind == mean {
		for i := range dst {
			dst[i] *= o.g.share()
		}
	}
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *pool) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *pool) SymDiff(in gorgonia.Nodes, y, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	d := &poolSlope{base: base{name: "slope of " + o.name, arity: 1, typ: hm.NewFnType(matrix, matrix)}, g: o.g}
	if o.g.kind == mean {
		dx, err := gorgonia.ApplyOp(d, dy)
		return gorgonia.Nodes{dx}, err
	}
	d.arity, d.typ = 3, hm.NewFnType(matrix, matrix, matrix, matrix)
	dx, err := gorgonia.ApplyOp(d, dy, in[0], y)
	return gorgonia.Nodes{dx}, err
}

// poolSlope is the gradient of a pool by its images: from that of its result and, for a
// maximum, from images and result too.
type poolSlope struct {
	base
	g    pooling
	out  output
	rest []float32
}

func (o *poolSlope) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, []int{2, 2, 2}[:o.arity]...)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{s[0][0], o.g.in.Size()}, o.fit(s...)
}

func (o *poolSlope) fit(s ...tensor.Shape) error {
	if err := rowsOf(o.name, s[0], o.g.out); err != nil || o.g.kind == mean {
		return err
	}
	if s[1][0] != s[0][0] || !s[2].Eq(s[0]) {
		return fmt.Errorf("%w: %s from gradient %v, images %v and result %v", ErrShape, o.name, s[0], s[1], s[2])
	}
	return rowsOf(o.name, s[1], o.g.in)
}

func (o *poolSlope) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	data, s := make([][]float32, o.arity), make([]tensor.Shape, o.arity)
	for i := range in {
		var err error
		if data[i], s[i], err = dense(o.name, in[i], 2); err != nil {
			return nil, err
		}
	}
	if err := o.fit(s...); err != nil {
		return nil, err
	}
	size, channels := o.g.in.Size(), o.g.in.Channels
	dst := o.out.matrix(s[0][0], size)
	clear(dst)
	o.rest = append(o.rest[:0], data[0]...) // what no pixel has got yet
	for i := range s[0][0] {
		image, at := dst[i*size:], i*o.g.out.Size()
		o.g.each(func(x, y int, _ bool) {
			for c := range channels {
				left := &o.rest[at+y+c]
				switch {
				case o.g.kind == mean:
					image[x+c] += float32(*left * o.g.share())
				case data[1][i*size+x+c] == data[2][at+y+c]:
					image[x+c] += *left
					*left = 0
				}
			}
		})
	}
	return o.out.value, nil
}
