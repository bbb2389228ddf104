package op

import (
	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

var _ = []bind.Op{(*termLoss)(nil), (*termSlope)(nil), (*together)(nil)}

// A termKernel is a rowTerm for plans. Room holds three rows and one element.
type termKernel interface {
	rowLoss(set *kernel.Set, z, t, group, room []float32) float64
	// rowSlope writes scale times the derivative by z to dz, all of it.
	rowSlope(set *kernel.Set, dz, z, t, group, room []float32, scale float32)
}

func termRows(in []bool) bool { return in[0] == in[1] && in[1] == in[2] && in[2] == in[3] }

func (o *termLoss) Rows(in []bool) (out, ok bool) { return false, termRows(in) }
func (o *termLoss) InPlace() []int                { return nil }

func (o *termLoss) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	z, t, g, w := in[0], in[1], in[2], in[3]
	n := z.Shape[1]
	room := make([]float32, 3*n+1)
	return bind.Task{
		Kernel: o.name,
		Cost:   product(z, 24*n),
		Do: func(r bind.Run) {
			sum, total := 0.0, 0.0
			for i, v := range w.Live(r.Rows) {
				total += float64(v)
				if v != 0 {
					row := o.row.rowLoss(set, z.Data[i*n:(i+1)*n], t.Data[i*n:(i+1)*n], g.Data[i*n:(i+1)*n], room)
					sum += float64(float64(v) * row)
				}
			}
			*dst.F64 = sum / o.by.divisor(total)
		},
	}
}

func (o *termSlope) Rows(in []bool) (out, ok bool) { return in[0], termRows(in) && !in[4] }
func (o *termSlope) InPlace() []int                { return nil }

func (o *termSlope) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	z, t, g, w, up := in[0], in[1], in[2], in[3], in[4]
	n := z.Shape[1]
	room := make([]float32, 3*n+1)
	return bind.Task{
		Kernel: o.name,
		Cost:   product(z, 24*n),
		Do: func(r bind.Run) {
			weights := w.Live(r.Rows)
			total := 0.0
			for _, v := range weights {
				total += float64(v)
			}
			total = o.by.divisor(total)
			for i, v := range weights {
				dz := dst.Data[i*n : (i+1)*n]
				if v == 0 {
					clear(dz)
					continue
				}
				scale := float32(float64(*up.F64*float64(v)) / total)
				o.row.rowSlope(set, dz, z.Data[i*n:(i+1)*n], t.Data[i*n:(i+1)*n], g.Data[i*n:(i+1)*n], room, scale)
			}
		},
	}
}

func (o *together) Rows([]bool) (out, ok bool) { return false, true }
func (o *together) InPlace() []int             { return nil }

func (o *together) Bind(_ *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	a, b := in[0], in[1]
	return bind.Task{
		Kernel: o.name,
		Cost:   bind.Cost{Fixed: 1},
		Do:     func(bind.Run) { *dst.F64 = *a.F64 + *b.F64 },
	}
}

// gather writes the elements of a that are in a group side by side to dst, times scale, and
// returns them. Number 0 stands for every group.
func gather(dst, a, group []float32, number, scale float32) []float32 {
	n := 0
	for j, g := range group {
		if in(g, number) {
			dst[n] = a[j] * scale
			n++
		}
	}
	return dst[:n]
}

// logSumExp returns the largest element of a and Σ exp(a - top), whose terms it leaves in
// dst.
func logSumExp(set *kernel.Set, dst, a []float32) (top, sum float32) {
	top = set.Max(a)
	return top, set.ExpSum(dst[:len(a)], a, top)
}

// logOf returns log v, with room for one element.
func logOf(set *kernel.Set, v float32, room []float32) float64 {
	room[0] = v
	set.Log(room[:1], room[:1])
	return float64(room[0])
}

func (maskedCE) rowLoss(set *kernel.Set, z, t, mask, room []float32) float64 {
	n := len(z)
	row := gather(room[:n], z, mask, 0, 1)
	if len(row) == 0 {
		return 0
	}
	top, sum := logSumExp(set, room[n:2*n], row)
	rest := logOf(set, sum, room[3*n:])
	loss := 0.0
	for j, v := range t {
		if v != 0 && mask[j] != 0 {
			loss += float64(float64(v) * (rest - (float64(z[j]) - float64(top))))
		}
	}
	if rest != rest {
		return rest // a logit without target may be what is not a number
	}
	return loss
}

func (maskedCE) rowSlope(set *kernel.Set, dz, z, t, mask, room []float32, scale float32) {
	n := len(z)
	row := gather(room[:n], z, mask, 0, 1)
	target := gather(room[n:2*n], t, mask, 0, 1)
	if len(row) == 0 {
		clear(dz)
		return
	}
	mass := 0.0
	for _, v := range target {
		mass += float64(v)
	}
	p := room[2*n : 2*n+len(row)]
	_, sum := logSumExp(set, p, row)
	set.Scale(p, p, float32(mass/float64(sum)))
	set.Sub(p, p, target)
	set.Scale(p, p, scale)
	scatter(dz, p, mask)
}

// scatter is the inverse of gather for a mask; what is not in it becomes 0.
func scatter(dst, a, mask []float32) {
	n := 0
	for j, g := range mask {
		dst[j] = 0
		if g != 0 {
			dst[j] = a[n]
			n++
		}
	}
}

func (maskedSigmoid) rowLoss(set *kernel.Set, z, t, mask, room []float32) float64 {
	room = room[:len(z)]
	set.Softplus(room, z)
	sum := 0.0
	for j, v := range room {
		if mask[j] != 0 {
			sum += float64(v) - float64(float64(t[j])*float64(z[j]))
		}
	}
	return sum
}

func (maskedSigmoid) rowSlope(set *kernel.Set, dz, z, t, mask, _ []float32, scale float32) {
	set.Apply(dz, z, kernel.Sigmoid)
	for j, v := range dz {
		dz[j] = 0
		if mask[j] != 0 {
			dz[j] = scale * (v - t[j])
		}
	}
}

func (s squaredLogits) rowLoss(_ *kernel.Set, z, t, group, _ []float32) float64 {
	return s.loss(z, t, group)
}

func (squaredLogits) rowSlope(_ *kernel.Set, dz, z, t, group, _ []float32, scale float32) {
	scale = float32(2 * float64(scale) / float64(max(part(group), 1)))
	for j, g := range group {
		dz[j] = 0
		if g != 0 {
			dz[j] = scale * (z[j] - t[j])
		}
	}
}

func (d divergence) rowLoss(set *kernel.Set, z, t, group, room []float32) float64 {
	n, cool := len(z), float32(1/d.temperature)
	total := 0.0
	for g, ok := next(group, 0); ok; g, ok = next(group, g) {
		own := gather(room[:n], z, group, g, cool)
		top, sum := logSumExp(set, room[2*n:3*n], own)
		ownNorm := float64(top) + logOf(set, sum, room[3*n:])
		teacher := gather(room[n:2*n], t, group, g, cool)
		p := room[2*n : 2*n+len(teacher)]
		top, sum = logSumExp(set, p, teacher)
		teacherNorm := float64(top) + logOf(set, sum, room[3*n:])
		for j, e := range p {
			gap := (float64(teacher[j]) - teacherNorm) - (float64(own[j]) - ownNorm)
			total += float64(float64(e) * gap / float64(sum))
		}
		if ownNorm != ownNorm {
			return ownNorm
		}
	}
	return float64(d.temperature*d.temperature) * total
}

func (d divergence) rowSlope(set *kernel.Set, dz, z, t, group, room []float32, scale float32) {
	n, cool := len(z), float32(1/d.temperature)
	scale = float32(float64(scale) * d.temperature)
	clear(dz)
	for g, ok := next(group, 0); ok; g, ok = next(group, g) {
		own, teacher := gather(room[:n], z, group, g, cool), gather(room[n:2*n], t, group, g, cool)
		q, p := room[2*n:2*n+len(own)], room[:len(own)] // p takes the place of what q was made of
		_, sum := logSumExp(set, q, own)
		set.Scale(q, q, 1/sum)
		_, sum = logSumExp(set, p, teacher)
		set.Scale(p, p, 1/sum)
		set.Sub(q, q, p)
		i := 0
		for j, number := range group {
			if number == g {
				dz[j] = scale * q[i]
				i++
			}
		}
	}
}
