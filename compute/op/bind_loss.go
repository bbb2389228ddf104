package op

import (
	"math"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// A rowKernel is a rowLoss for many rows at once.
type rowKernel interface {
	// losses writes the loss of each row to dst, as float64. Room is as long as z.
	losses(set *kernel.Set, dst []float64, z, t, room []float32, columns int)
	// slopes writes scale[i] times the derivative of row i by z to dz; where the scale is
	// 0 the caller overwrites it.
	slopes(set *kernel.Set, dz, z, t, scale []float32, columns int)
}

// lossRows: logits, targets and weights all have their rows in the batch, or none.
func lossRows(in []bool) bool { return in[0] == in[1] && in[1] == in[2] }

func (o *meanLoss) Rows(in []bool) (out, ok bool) { return false, lossRows(in) }
func (o *meanLoss) InPlace() []int                { return nil }

func (o *meanLoss) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	z, t, w := in[0], in[1], in[2]
	columns := z.Shape[1]
	losses := make([]float64, z.Shape[0])
	room := make([]float32, len(z.Data))
	return bind.Task{
		Kernel: o.name,
		Cost:   product(z, 20*columns),
		Do: func(r bind.Run) {
			weights := w.Live(r.Rows)
			o.row.losses(set, losses[:len(weights)], z.Live(r.Rows), t.Live(r.Rows), room, columns)
			sum, total := 0.0, 0.0
			for i, v := range weights {
				total += float64(v)
				if v != 0 {
					sum += float64(float64(v) * losses[i])
				}
			}
			if total != 0 {
				sum /= total
			}
			*dst.F64 = sum
		},
	}
}

func (o *lossSlope) Rows(in []bool) (out, ok bool) { return in[0], lossRows(in) && !in[3] }
func (o *lossSlope) InPlace() []int                { return nil }

func (o *lossSlope) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	z, t, w, up := in[0], in[1], in[2], in[3]
	columns := z.Shape[1]
	scale := make([]float32, z.Shape[0])
	return bind.Task{
		Kernel: o.name,
		Cost:   product(z, 20*columns),
		Do: func(r bind.Run) {
			weights := w.Live(r.Rows)
			total := 0.0
			for _, v := range weights {
				total += float64(v)
			}
			for i, v := range weights {
				scale[i] = float32(float64(*up.F64*float64(v)) / total)
			}
			dz := dst.Live(r.Rows)
			o.row.slopes(set, dz, z.Live(r.Rows), t.Live(r.Rows), scale[:len(weights)], columns)
			for i, v := range weights {
				if v == 0 {
					clear(dz[i*columns : (i+1)*columns])
				}
			}
		},
	}
}

func (sigmoidCE) losses(set *kernel.Set, dst []float64, z, t, room []float32, columns int) {
	room = room[:len(z)]
	set.Softplus(room, z)
	for i := range dst {
		sum := 0.0
		for j := i * columns; j < (i+1)*columns; j++ {
			sum += float64(room[j]) - float64(float64(t[j])*float64(z[j]))
		}
		dst[i] = sum
	}
}

func (sigmoidCE) slopes(set *kernel.Set, dz, z, t, scale []float32, columns int) {
	set.Apply(dz, z, kernel.Sigmoid)
	set.Sub(dz, dz, t)
	scaleRows(dz, scale, columns)
}

func scaleRows(dz, scale []float32, columns int) {
	for i, s := range scale {
		row := dz[i*columns : (i+1)*columns]
		for j := range row {
			row[j] *= s
		}
	}
}

func (softmaxCE) losses(set *kernel.Set, dst []float64, z, t, room []float32, columns int) {
	norms := room[:len(dst)] // row i needs nothing of room before its own columns
	for i := range dst {
		row := z[i*columns : (i+1)*columns]
		top := set.Max(row)
		dst[i] = float64(top)
		norms[i] = set.ExpSum(room[i*columns:(i+1)*columns], row, top)
	}
	set.Log(norms, norms)
	for i, top := range dst {
		sum := 0.0
		for j := i * columns; j < (i+1)*columns; j++ {
			if t[j] != 0 {
				sum += float64(float64(t[j]) * (float64(norms[i]) - (float64(z[j]) - top)))
			}
		}
		if norms[i] != norms[i] {
			sum = math.NaN() // a logit without target may be what is not a number
		}
		dst[i] = sum
	}
}

func (softmaxCE) slopes(set *kernel.Set, dz, z, t, scale []float32, columns int) {
	for i, s := range scale {
		from, to := i*columns, (i+1)*columns
		row, target := dz[from:to], t[from:to]
		sum := set.ExpSum(row, z[from:to], set.Max(z[from:to]))
		mass := 0.0
		for _, v := range target {
			mass += float64(v)
		}
		set.Scale(row, row, float32(mass/float64(sum)))
		set.Sub(row, row, target)
		set.Scale(row, row, s)
	}
}

func (squared) losses(_ *kernel.Set, dst []float64, z, t, _ []float32, columns int) {
	for i := range dst {
		dst[i] = squared{}.loss(z[i*columns:(i+1)*columns], t[i*columns:(i+1)*columns])
	}
}

func (squared) slopes(set *kernel.Set, dz, z, t, scale []float32, columns int) {
	set.Sub(dz, z, t)
	for i := range scale {
		scale[i] *= 2
	}
	scaleRows(dz, scale, columns)
}

func (h huber) losses(_ *kernel.Set, dst []float64, z, t, _ []float32, columns int) {
	for i := range dst {
		dst[i] = h.loss(z[i*columns:(i+1)*columns], t[i*columns:(i+1)*columns])
	}
}

func (h huber) slopes(set *kernel.Set, dz, z, t, scale []float32, columns int) {
	delta := float32(h.delta)
	set.Sub(dz, z, t)
	set.AtMost(dz, dz, delta)
	set.AtLeast(dz, dz, -delta)
	scaleRows(dz, scale, columns)
}
