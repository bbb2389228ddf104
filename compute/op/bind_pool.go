package op

import (
	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

var _ = []bind.Op{(*pool)(nil), (*poolSlope)(nil)}

func (o *pool) Rows(in []bool) (out, ok bool) { return in[0], true }
func (o *pool) InPlace() []int                { return nil }

// pixels are where the kernels of a pool find a line of windows: the distance in elements
// between lines of the image and between windows of a line.
func (g pooling) pixels() (line, step int) {
	return g.in.Width * g.in.Channels, g.win.Stride * g.in.Channels
}

func (o *pool) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, g := in[0], o.g
	task := bind.Task{
		Kernel: "mean pool",
		Cost:   product(x, g.win.Size*g.win.Size*g.out.Size()),
		Split:  true,
	}
	do := g.means
	if g.kind == maximum {
		task.Kernel, do = "max pool", g.maxima
		if g.win.Size > 1 {
			task.Room = g.in.Width * g.in.Channels
		}
	}
	task.Do = func(r bind.Run) {
		each(r, x.Count(r.Rows)/g.in.Size(), g.out.Height, func(i, from, to int) {
			image, y := x.Data[i*g.in.Size():], dst.Data[i*g.out.Size():]
			line, width := g.in.Width*g.in.Channels, g.out.Width*g.out.Channels
			for j := from; j < to; j++ {
				do(set, y[j*width:][:width], image[j*g.win.Stride*line:], r.Room)
			}
		})
	}
	return task
}

// maxima computes a line of the result: the maxima of columns, then of windows.
func (g pooling) maxima(set *kernel.Set, y, x, room []float32) {
	line, step := g.pixels()
	c := g.in.Channels
	if g.win.Size == 1 {
		for j := range g.out.Width {
			copy(y[j*c:][:c], x[j*step:])
		}
		return
	}
	tops := room[:line]
	set.MaxRows(tops, x, x[line:], 1, line, line, line, line)
	for top := 2; top < g.win.Size; top++ {
		set.MaxRows(tops, tops, x[top*line:], 1, line, line, line, line)
	}
	set.MaxRows(y, tops, tops[c:], g.out.Width, c, c, step, step)
	for left := 2; left < g.win.Size; left++ {
		set.MaxRows(y, y, tops[left*c:], g.out.Width, c, c, c, step)
	}
}

// means computes a line of the result.
func (g pooling) means(set *kernel.Set, y, x, _ []float32) {
	line, step := g.pixels()
	c := g.in.Channels
	for j := range g.out.Width {
		to := y[j*c:][:c]
		copy(to, x[j*step:])
		for k := 1; k < g.win.Size*g.win.Size; k++ {
			set.Add(to, to, x[k/g.win.Size*line+j*step+k%g.win.Size*c:][:c])
		}
	}
	set.Scale(y, y, g.share())
}

func (o *poolSlope) Rows(in []bool) (out, ok bool) {
	if o.g.kind == mean {
		return in[0], true
	}
	return in[0], in[0] == in[1] && in[1] == in[2]
}

func (o *poolSlope) InPlace() []int { return nil }

func (o *poolSlope) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	dy, g := in[0], o.g
	width := g.out.Width * g.out.Channels
	line, step := g.pixels()
	c := g.in.Channels
	// The lines of windows may share lines of the image, so that parts are whole images.
	return bind.Task{
		Kernel: "slope of pool",
		Cost:   product(dy, 2*g.win.Size*g.win.Size*g.out.Size()),
		Split:  true,
		Room:   width,
		Do: func(r bind.Run) {
			rest := r.Room[:width]
			each(r, dy.Count(r.Rows)/g.out.Size(), 1, func(i, from, to int) {
				if from == to {
					return
				}
				dx := dst.Data[i*g.in.Size():][:g.in.Size()]
				clear(dx)
				for j := range g.out.Height {
					slopes := dy.Data[i*g.out.Size()+j*width:][:width]
					if g.kind == mean {
						set.Scale(rest, slopes, g.share())
					} else {
						copy(rest, slopes)
					}
					for k := range g.win.Size * g.win.Size {
						at := (j*g.win.Stride+k/g.win.Size)*line + k%g.win.Size*c
						if g.kind == maximum {
							x, y := in[1].Data[i*g.in.Size()+at:], in[2].Data[i*g.out.Size()+j*width:]
							set.RouteRows(dx[at:], rest, x, y, g.out.Width, c, step, c, step, c)
							continue
						}
						for p := range g.out.Width {
							to := dx[at+p*step:][:c]
							set.Add(to, to, rest[p*c:][:c])
						}
					}
				}
			})
		},
	}
}
