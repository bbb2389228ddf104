package op

import (
	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

var (
	_ = []bind.Op{(*bags)(nil), (*factorPairs)(nil), (*factorPairsSlope)(nil), (*shift)(nil)}
	_ = []bind.SparseOp{(*bagsSlope)(nil)}
)

// idRows: ids and weights have their rows in the batch, or neither has.
func idRows(in []bool) bool { return len(in) < 2 || in[0] == in[1] }

func (o *bags) Rows(in []bool) (out, ok bool) { return in[1], !in[0] && idRows(in[1:]) }
func (o *bags) InPlace() []int                { return nil }

func (o *bags) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	table, ids := in[0], in[1]
	dim, n := table.Shape[1], ids.Shape[1]
	weigh := weights(in[2:])
	return bind.Task{
		Kernel: o.name,
		Cost:   product(ids, 2*n*dim),
		Split:  true,
		Do: func(r bind.Run) {
			from, to := r.Cut(ids.Count(r.Rows)/n, 8)
			if from < to {
				set.Bags(dst.Data[from*n/o.per*dim:to*n/o.per*dim], table.Data, ids.I32[from*n:to*n], weigh(from*n, to*n), dim, o.per)
			}
		},
	}
}

// weights returns a view of what may be there.
func weights(in []*bind.Buffer) func(from, to int) []float32 {
	if len(in) == 0 {
		return func(int, int) []float32 { return nil }
	}
	w := in[0]
	return func(from, to int) []float32 { return w.Data[from:to] }
}

func (o *bagsSlope) Rows(in []bool) (out, ok bool) { return false, in[0] == in[1] && idRows(in[1:]) }
func (o *bagsSlope) InPlace() []int                { return nil }

func (o *bagsSlope) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	var rows bind.Sparse
	t := o.BindSparse(set, &rows, in, false)
	t.Kernel = o.name + ", scattered"
	collect, dim := t.Do, o.dim
	t.Do = func(r bind.Run) {
		collect(r)
		clear(dst.Data)
		for k, id := range rows.Index {
			copy(dst.Data[int(id)*dim:][:dim], rows.Values[k*dim:])
		}
	}
	return t
}

// BindSparse implements bind.SparseOp.
func (o *bagsSlope) BindSparse(set *kernel.Set, dst *bind.Sparse, in []*bind.Buffer, own bool) bind.Task {
	dy, ids := in[0], in[1]
	n, dim := len(ids.I32), o.dim
	index := make([]int32, n)
	var values []float32
	if own && o.per == 1 && !o.weighted() {
		values = dy.Data // a row moves to the front, if at all
	} else {
		values = make([]float32, n*dim)
	}
	if ids.Collector == nil {
		ids.Collector = kernel.NewCollector(n)
	}
	collector := ids.Collector
	weigh := weights(in[2:])
	return bind.Task{
		Kernel: o.name,
		Cost:   product(ids, ids.Shape[1]*dim),
		Do: func(r bind.Run) {
			live := ids.Count(r.Rows)
			k := collector.Collect(set, index, values, ids.I32[:live], weigh(0, live), dy.Data, dim, o.per)
			dst.Index, dst.Values = index[:k], values[:k*dim]
		},
	}
}

func (o *factorPairs) Rows(in []bool) (out, ok bool) { return in[0], true }
func (o *factorPairs) InPlace() []int                { return nil }

func (o *factorPairs) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x := in[0]
	fields := x.Shape[1] / o.dim
	room := make([]float32, o.dim)
	return bind.Task{
		Kernel: o.name,
		Cost:   product(x, 3*x.Width()),
		Do: func(r bind.Run) {
			set.FactorPairs(dst.Data, x.Data, room, x.Count(r.Rows)/x.Width(), fields, o.dim)
		},
	}
}

func (o *factorPairsSlope) Rows(in []bool) (out, ok bool) { return in[0], in[0] == in[1] }
func (o *factorPairsSlope) InPlace() []int                { return []int{0} }

func (o *factorPairsSlope) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, dy := in[0], in[1]
	fields := x.Shape[1] / o.dim
	room := make([]float32, o.dim)
	return bind.Task{
		Kernel: o.name,
		Cost:   product(x, 3*x.Width()),
		Do: func(r bind.Run) {
			set.FactorPairsGrad(dst.Data, x.Data, dy.Data, room, x.Count(r.Rows)/x.Width(), fields, o.dim)
		},
	}
}

func (o *shift) Rows(in []bool) (out, ok bool) { return in[0], !in[1] }
func (o *shift) InPlace() []int                { return []int{0} }

func (o *shift) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, b := in[0], in[1]
	n := x.Shape[1]
	return bind.Task{
		Kernel: o.name,
		Cost:   product(x, n),
		Do: func(r bind.Run) {
			live := x.Live(r.Rows)
			if &live[0] != &dst.Data[0] {
				copy(dst.Data, live)
			}
			set.AddRow(dst.Data, b.Data, len(live)/n, n, n)
		},
	}
}
