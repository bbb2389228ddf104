package op

import (
	"math"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// The kernels of Directions go over the matrix row by row, and keep what they need of each
// column beside it. Sums run over the rows in their order.

var _ = []bind.Op{(*directions)(nil), (*across)(nil)}

// lengths writes what each column of w is to be multiplied by, length/|w_j|, and where
// squares is not nil |w_j|²; both are 0 for a column without a direction.
func lengths(set *kernel.Set, inv, squares, w []float32, length float64) {
	n := len(inv)
	sums := inv
	if squares != nil {
		sums = squares
	}
	clear(sums)
	for at := 0; at < len(w); at += n {
		set.MulAdd(sums, w[at:at+n], w[at:at+n])
	}
	for j, square := range sums {
		inv[j] = 0
		if square > 0 {
			inv[j] = float32(length / math.Sqrt(float64(square)))
		}
	}
}

func (o *directions) Rows(in []bool) (out, ok bool) { return false, !in[0] }
func (o *directions) InPlace() []int                { return nil }

func (o *directions) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	w := in[0]
	n := w.Shape[1]
	return bind.Task{
		Kernel: "directions",
		Cost:   product(w, 3*n),
		Room:   n,
		Do: func(r bind.Run) {
			inv := r.Room[:n]
			lengths(set, inv, nil, w.Data, o.length)
			for at := 0; at < len(w.Data); at += n {
				set.Mul(dst.Data[at:at+n], w.Data[at:at+n], inv)
			}
		},
	}
}

func (o *across) Rows(in []bool) (out, ok bool) { return false, !in[0] && !in[1] }
func (o *across) InPlace() []int                { return nil }

func (o *across) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	dy, w := in[0], in[1]
	n := w.Shape[1]
	return bind.Task{
		Kernel: "gradient of directions",
		Cost:   product(w, 8*n),
		Room:   3 * n,
		Do: func(r bind.Run) {
			inv, squares, along := r.Room[:n], r.Room[n:2*n], r.Room[2*n:3*n]
			lengths(set, inv, squares, w.Data, o.length)
			clear(along)
			for at := 0; at < len(w.Data); at += n {
				set.MulAdd(along, dy.Data[at:at+n], w.Data[at:at+n])
			}
			for j, square := range squares {
				if square > 0 {
					along[j] = -along[j] / square
				}
			}
			for at := 0; at < len(w.Data); at += n {
				row := dst.Data[at : at+n]
				copy(row, dy.Data[at:at+n])
				set.MulAdd(row, w.Data[at:at+n], along)
				set.Mul(row, row, inv)
			}
		},
	}
}
