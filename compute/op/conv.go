package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Conv2D returns act of the correlation of images with filters, which is what neural
// networks call a convolution:
//
//	z[i, j, f] = b[f] + Σ_{k, l, c} x[i s + k - p, j s + l - p, c] w[k, l, c, f]
//
// with stride s, padding p, and x zero outside of the image. Each row of x is an image in;
// w has a row for each k, l, c, the last changing fastest, and a column for each filter; b
// has an element for each. Each row of the result is an image win.Over(in, filters). It
// depends on that row of x alone, bit for bit.
func Conv2D(x, w, b *gorgonia.Node, in Image, win Window, act Activation) (*gorgonia.Node, error) {
	if err := act.check(); err != nil {
		return nil, err
	}
	if w.Shape().Dims() != 2 {
		return nil, fmt.Errorf("%w: filters of a convolution have shape %v, must be a matrix", ErrShape, w.Shape())
	}
	out, err := win.Over(in, w.Shape()[1])
	if err != nil {
		return nil, err
	}
	c := convolution{in: in, out: out, win: win}
	if !act.ofResult() {
		z, err := c.apply(x, w, b, Identity)
		if err != nil {
			return nil, err
		}
		return Activate(z, act)
	}
	return c.apply(x, w, b, act)
}

// A convolution is the geometry that the three ops of one share.
type convolution struct {
	in, out Image
	win     Window
}

func (c convolution) apply(x, w, b *gorgonia.Node, act Activation) (*gorgonia.Node, error) {
	o := &conv{
		base: base{name: c.title("conv " + string(act)), arity: 3, typ: hm.NewFnType(matrix, matrix, vector, matrix)},
		g:    c,
		act:  act,
	}
	return gorgonia.ApplyOp(o, x, w, b)
}

func (c convolution) title(of string) string {
	return fmt.Sprintf("%s %v of %v to %v", of, c.win, c.in, c.out)
}

// terms is the number of elements that a filter sees at a position.
func (c convolution) terms() int { return c.win.Size * c.win.Size * c.in.Channels }

// each calls f for each pixel of each position of an image: with the elements of the input
// where its channels begin, of the result where that of the filters begin, and the row of
// the filters.
func (c convolution) each(f func(x, z, row int)) {
	for i := range c.out.Height {
		for j := range c.out.Width {
			z := (i*c.out.Width + j) * c.out.Channels
			c.win.taps(c.in, i, j, func(top, left, y, x int) {
				f((y*c.in.Width+x)*c.in.Channels, z, (top*c.win.Size+left)*c.in.Channels)
			})
		}
	}
}

type conv struct {
	base
	g   convolution
	out output
	act Activation
}

func (o *conv) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2, 1)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{s[0][0], o.g.out.Size()}, o.fit(s[0], s[1], s[2])
}

func (o *conv) fit(x, w, b tensor.Shape) error {
	if w[0] != o.g.terms() || w[1] != o.g.out.Channels || b[0] != w[1] {
		return fmt.Errorf("%w: %s with filters %v and bias %v", ErrShape, o.name, w, b)
	}
	return rowsOf(o.name, x, o.g.in)
}

func (o *conv) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, xs, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	w, ws, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	b, bs, err := dense(o.name, in[2], 1)
	if err != nil {
		return nil, err
	}
	if err := o.fit(xs, ws, bs); err != nil {
		return nil, err
	}
	n, depth := o.g.out.Channels, o.g.in.Channels
	dst := o.out.matrix(xs[0], o.g.out.Size())
	for at := 0; at < len(dst); at += n {
		copy(dst[at:at+n], b)
	}
	for i := range xs[0] {
		image, z := x[i*xs[1]:], dst[i*o.g.out.Size():]
		o.g.each(func(from, to, row int) {
			for c := range depth {
				addProduct(z[to:to+n], w[(row+c)*n:], image[from+c])
			}
		})
	}
	activate(dst, o.act)
	return o.out.value, nil
}

// addProduct adds s times the first elements of a to dst.
func addProduct(dst, a []float32, s float32) {
	for i := range dst {
		dst[i] += float32(s * a[i])
	}
}

// DiffWRT implements gorgonia.SDOp.
func (o *conv) DiffWRT(int) []bool { return []bool{true, true, true} }

// SymDiff implements gorgonia.SDOp. With dz = dy act'(z), dx is the correlation of dz with
// the filters turned by half a turn, dw that of x with dz, and db the sum over positions.
func (o *conv) SymDiff(in gorgonia.Nodes, y, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	dz := dy
	var err error
	if o.act != Identity {
		if dz, err = gorgonia.ApplyOp(newSlope(o.act), y, dy); err != nil {
			return nil, err
		}
	}
	c := o.g
	dx, err := gorgonia.ApplyOp(&convInput{
		base: base{name: c.title("conv input gradient"), arity: 2, typ: hm.NewFnType(matrix, matrix, matrix)},
		g:    c,
	}, dz, in[1])
	if err != nil {
		return nil, err
	}
	dw, err := gorgonia.ApplyOp(&convFilters{
		base: base{name: c.title("conv filter gradient"), arity: 2, typ: hm.NewFnType(matrix, matrix, matrix)},
		g:    c,
	}, in[0], dz)
	if err != nil {
		return nil, err
	}
	db, err := gorgonia.ApplyOp(newChannelSum(c.out.Channels), dz)
	if err != nil {
		return nil, err
	}
	return gorgonia.Nodes{dx, dw, db}, nil
}

// convInput is the gradient of a convolution by its images, from those of its result and
// the filters.
type convInput struct {
	base
	g   convolution
	out output
}

func (o *convInput) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{s[0][0], o.g.in.Size()}, o.fit(s[0], s[1])
}

func (o *convInput) fit(dz, w tensor.Shape) error {
	if w[0] != o.g.terms() || w[1] != o.g.out.Channels {
		return fmt.Errorf("%w: %s with filters %v", ErrShape, o.name, w)
	}
	return rowsOf(o.name, dz, o.g.out)
}

func (o *convInput) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	dz, zs, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	w, ws, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	if err := o.fit(zs, ws); err != nil {
		return nil, err
	}
	n, depth := o.g.out.Channels, o.g.in.Channels
	dst := o.out.matrix(zs[0], o.g.in.Size())
	clear(dst)
	for i := range zs[0] {
		image, from := dst[i*o.g.in.Size():], dz[i*zs[1]:]
		o.g.each(func(to, z, row int) {
			for c := range depth {
				filters := w[(row+c)*n : (row+c+1)*n]
				sum := float32(0)
				for f, v := range filters {
					sum += float32(v * from[z+f])
				}
				image[to+c] += sum
			}
		})
	}
	return o.out.value, nil
}

// convFilters is the gradient of a convolution by its filters, from its images and the
// gradient of its result.
type convFilters struct {
	base
	g   convolution
	out output
}

func (o *convFilters) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{o.g.terms(), o.g.out.Channels}, o.fit(s[0], s[1])
}

func (o *convFilters) fit(x, dz tensor.Shape) error {
	if x[0] != dz[0] {
		return fmt.Errorf("%w: %s of %d images and %d gradients", ErrShape, o.name, x[0], dz[0])
	}
	if err := rowsOf(o.name, dz, o.g.out); err != nil {
		return err
	}
	return rowsOf(o.name, x, o.g.in)
}

func (o *convFilters) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, xs, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	dz, zs, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	if err := o.fit(xs, zs); err != nil {
		return nil, err
	}
	n, depth := o.g.out.Channels, o.g.in.Channels
	dst := o.out.matrix(o.g.terms(), n)
	clear(dst)
	for i := range xs[0] {
		image, slope := x[i*xs[1]:], dz[i*zs[1]:]
		o.g.each(func(from, z, row int) {
			for c := range depth {
				addProduct(dst[(row+c)*n:(row+c+1)*n], slope[z:], image[from+c])
			}
		})
	}
	return o.out.value, nil
}

// channelSum adds up the pixels of all images, in their order, channel by channel: the
// gradient of what is added to each pixel.
type channelSum struct {
	base
	out      output
	channels int
}

func newChannelSum(channels int) *channelSum {
	return &channelSum{
		base:     base{name: fmt.Sprintf("sum of %d channels", channels), arity: 1, typ: hm.NewFnType(matrix, vector)},
		channels: channels,
	}
}

func (o *channelSum) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{o.channels}, o.fit(s[0])
}

func (o *channelSum) fit(x tensor.Shape) error {
	if x[1]%o.channels != 0 {
		return fmt.Errorf("%w: %s of rows of %d elements", ErrShape, o.name, x[1])
	}
	return nil
}

func (o *channelSum) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	a, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	if err := o.fit(s); err != nil {
		return nil, err
	}
	dst := o.out.vector(o.channels)
	clear(dst)
	for ; len(a) > 0; a = a[o.channels:] {
		for j, v := range a[:o.channels] {
			dst[j] += v
		}
	}
	return o.out.value, nil
}
