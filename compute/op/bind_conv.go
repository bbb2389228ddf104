package op

import (
	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// Each image is padded, unless it needs no padding, and then the filters go over it; what
// they see is not written out (see kernel.Correlate). The gradient of the images is a
// correlation in the same way: of the gradients of the result, apart by the stride and
// padded, with the filters turned.

var _ = []bind.Op{(*conv)(nil), (*convInput)(nil), (*convFilters)(nil), (*channelSum)(nil)}

// A frame is where an image lies when it is padded: its first pixel below top lines and as
// many columns, and its pixels apart.
type frame struct {
	image              Image
	height, width, top int
	apart              int
}

// framed tells whether the image has to be copied.
func (f frame) framed() bool {
	return f.top > 0 || f.apart > 1 || f.width != f.image.Width || f.height != f.image.Height
}

// room is the number of elements that a copy takes.
func (f frame) room() int {
	if !f.framed() {
		return 0
	}
	return f.height * f.width * f.image.Channels
}

// clear makes room for the copies of images, one after the other: what no pixel falls on
// stays 0.
func (f frame) clear(room []float32) { clear(room[:f.room()]) }

// over returns an image in its frame: itself, or a copy in room, which was cleared before the
// first one.
func (f frame) over(x, room []float32) []float32 {
	if !f.framed() {
		return x
	}
	room = room[:f.room()]
	c, line := f.image.Channels, f.image.Width*f.image.Channels
	for i := range f.image.Height {
		to := room[((f.top+i*f.apart)*f.width+f.top)*c:]
		from := x[i*line : (i+1)*line]
		if f.apart == 1 {
			copy(to, from)
			continue
		}
		for j := range f.image.Width {
			copy(to[j*f.apart*c:][:c], from[j*c:])
		}
	}
	return room
}

func (c convolution) frame() frame {
	p := c.win.Padding
	return frame{image: c.in, height: c.in.Height + 2*p, width: c.in.Width + 2*p, top: p, apart: 1}
}

func (c convolution) window() kernel.Window {
	return kernel.Window{
		Rows: c.out.Height, Columns: c.out.Width, Step: c.win.Stride,
		Size: c.win.Size, Depth: c.in.Channels, Pitch: c.frame().width * c.in.Channels,
	}
}

// cost is that of the products of one image.
func (c convolution) cost(x *bind.Buffer) bind.Cost {
	return product(x, 2*c.terms()*c.out.Size())
}

func (o *conv) Rows(in []bool) (out, ok bool) { return in[0], !in[1] && !in[2] }
func (o *conv) InPlace() []int                { return nil }

func (o *conv) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, w, b := in[0], in[1], in[2]
	c, act := o.g, o.act.kernel()
	f, look := c.frame(), kernel.NewCorrelation(c.window(), c.out.Channels)
	return bind.Task{
		Kernel: "conv " + string(o.act),
		Cost:   c.cost(x),
		Split:  true,
		Room:   look.Panels() + f.room(),
		Do: func(r bind.Run) {
			filters, room := r.Room[:look.Panels()], r.Room[look.Panels():]
			set.PackFilters(filters, w.Data, look)
			f.clear(room)
			each(r, x.Count(r.Rows)/c.in.Size(), look.Rows, func(i, from, to int) {
				z := dst.Data[i*c.out.Size():][:c.out.Size()]
				set.Correlate(z, f.over(x.Data[i*c.in.Size():], room), filters, b.Data, look, from, to, act == kernel.ReLU, r.Work)
				if act != kernel.Identity && act != kernel.ReLU {
					z = z[from*c.out.Width*c.out.Channels : to*c.out.Width*c.out.Channels]
					set.Apply(z, z, act)
				}
			})
		},
	}
}

// each calls do for the images, and their lines, that are a part's.
func each(r bind.Run, images, lines int, do func(i, from, to int)) {
	from, to := r.Cut(images*lines, 1)
	for i := from / lines; i*lines < to; i++ {
		do(i, max(from-i*lines, 0), min(to-i*lines, lines))
	}
}

func (o *convInput) Rows(in []bool) (out, ok bool) { return in[0], !in[1] }
func (o *convInput) InPlace() []int                { return nil }

func (o *convInput) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	dz, w := in[0], in[1]
	c := o.g
	size, depth, n := c.win.Size, c.in.Channels, c.out.Channels
	f := frame{
		image: c.out, height: c.in.Height + size - 1, width: c.in.Width + size - 1,
		top: size - 1 - c.win.Padding, apart: c.win.Stride,
	}
	look := kernel.NewCorrelation(kernel.Window{
		Rows: c.in.Height, Columns: c.in.Width, Step: 1, Size: size, Depth: n, Pitch: f.width * n,
	}, depth)
	return bind.Task{
		Kernel: "conv input",
		Cost:   product(dz, 2*size*size*n*c.in.Size()),
		Split:  true,
		Room:   look.Panels() + max(f.room(), size*size*n*depth),
		Do: func(r bind.Run) {
			filters, room := r.Room[:look.Panels()], r.Room[look.Panels():]
			turn(set, room, w.Data, size*size, depth, n)
			set.PackFilters(filters, room, look)
			f.clear(room)
			each(r, dz.Count(r.Rows)/c.out.Size(), look.Rows, func(i, from, to int) {
				x := dst.Data[i*c.in.Size():][:c.in.Size()]
				set.Correlate(x, f.over(dz.Data[i*c.out.Size():], room), filters, nil, look, from, to, false, r.Work)
			})
		},
	}
}

// turn writes filters for the way back: those of the last pixel first, and rows for columns
// in each, which is depth×n.
func turn(set *kernel.Set, dst, w []float32, pixels, depth, n int) {
	for p := range pixels {
		set.Transpose(dst[p*depth*n:], w[(pixels-1-p)*depth*n:], depth, n, depth, n)
	}
}

// Both images and gradients have their rows in the batch, or none.
func (o *convFilters) Rows(in []bool) (out, ok bool) { return false, in[0] == in[1] }
func (o *convFilters) InPlace() []int                { return nil }

func (o *convFilters) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, dz := in[0], in[1]
	c := o.g
	f, n := c.frame(), c.out.Channels
	look := kernel.NewCorrelation(c.window(), n)
	return bind.Task{
		Kernel: "conv filters",
		Cost:   c.cost(x),
		Split:  true,
		Room:   f.room(),
		Do: func(r bind.Run) {
			from, to := r.Cut(n, 16)
			if from == to {
				return
			}
			for at := 0; at < len(dst.Data); at += n {
				clear(dst.Data[at+from : at+to])
			}
			f.clear(r.Room)
			for i := range x.Count(r.Rows) / c.in.Size() {
				set.CorrelateTN(dst.Data, f.over(x.Data[i*c.in.Size():], r.Room), dz.Data[i*c.out.Size():], look, from, to, r.Work)
			}
		},
	}
}

func (o *channelSum) Rows([]bool) (out, ok bool) { return false, true }
func (o *channelSum) InPlace() []int             { return nil }

func (o *channelSum) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	a, n := in[0], o.channels
	return bind.Task{
		Kernel: "channel sum",
		Cost:   product(a, a.Width()),
		Do:     func(r bind.Run) { set.ColSum(dst.Data, a.Data, a.Count(r.Rows)/n, n, n, false) },
	}
}
