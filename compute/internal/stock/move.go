package stock

import (
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// copies moves elements.
type copies struct {
	name string
	rows func(in []bool) (out, ok bool)
	do   func(dst *bind.Buffer, in []*bind.Buffer, rows int)
}

func (c copies) Rows(in []bool) (out, ok bool) { return c.rows(in) }
func (c copies) InPlace() []int                { return nil }

func (c copies) Bind(_ *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	return bind.Task{Kernel: c.name, Do: func(r bind.Run) { c.do(dst, in, r.Rows) }}
}

// below is the rule of an op that works within rows if its axis is not the first.
func below(axis int) func(in []bool) (out, ok bool) {
	return func(in []bool) (out, ok bool) {
		for _, b := range in {
			if b != in[0] {
				return false, false
			}
		}
		return in[0], axis > 0 || !in[0]
	}
}

// outer returns how many pieces above an axis a run has to do with.
func outer(b *bind.Buffer, rows, all int) int {
	if b.Rows {
		return all / b.Shape[0] * rows
	}
	return all
}

// extent is the length of an axis, of which the op reads nothing but the shape. Where rows
// are counted a run for fewer would need another length.
type extent int

// matchSize trusts a length that the op names and its input has.
func matchSize(text string, out, in tensor.Shape) bind.Op {
	n := number(text, "SizeOf=", "")
	if n < 1 || !out.IsScalar() || in.IsScalar() {
		return nil
	}
	for _, d := range in {
		if d == n {
			return extent(n)
		}
	}
	return nil
}

func (e extent) Rows(in []bool) (out, ok bool) { return false, !in[0] }
func (e extent) InPlace() []int                { return nil }

func (e extent) Bind(_ *kernel.Set, dst *bind.Buffer, _ []*bind.Buffer) bind.Task {
	return bind.Task{Kernel: "size", Do: func(bind.Run) { dst.Data[0] = float32(e) }}
}

// matchRepeat repeats each slice along an axis.
func matchRepeat(text string, out, in tensor.Shape) bind.Op {
	axis := number(text, "Repeat", "")
	if axis < 0 || axis >= out.Dims() {
		return nil
	}
	from := in.Clone()
	for len(from) < out.Dims() {
		from = append(from, 1)
	}
	if len(from) != out.Dims() || out[axis]%from[axis] != 0 {
		return nil
	}
	times := out[axis] / from[axis]
	for i := range out {
		if i != axis && out[i] != from[i] {
			return nil
		}
	}
	all, inner := around(out, axis)
	return copies{"repeat", below(axis), func(dst *bind.Buffer, src []*bind.Buffer, rows int) {
		n := outer(dst, rows, all) * from[axis]
		for i := range n {
			piece := src[0].Data[i*inner : (i+1)*inner]
			for t := range times {
				copy(dst.Data[(i*times+t)*inner:], piece)
			}
		}
	}}
}

// reshape keeps the order of the elements.
type reshape struct{ sameRows bool }

func (s reshape) Rows(in []bool) (out, ok bool) { return s.sameRows, s.sameRows }
func (s reshape) InPlace() []int                { return []int{0} }

func (s reshape) Bind(_ *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	return bind.Task{Kernel: "reshape", Do: func(r bind.Run) { copy(dst.Live(r.Rows), in[0].Data) }}
}

func matchTranspose(text string, in tensor.Shape) bind.Op {
	if text != "Aᵀ{1, 0}" || in.Dims() != 2 {
		return nil
	}
	m, n := in[0], in[1]
	return copies{"transpose", below(0), func(dst *bind.Buffer, src []*bind.Buffer, _ int) {
		for i := range m {
			for j, v := range src[0].Data[i*n : (i+1)*n] {
				dst.Data[j*m+i] = v
			}
		}
	}}
}

func matchConcat(text string, out tensor.Shape, in []tensor.Shape) bind.Op {
	axis := number(text, "Concat(axis=", ")")
	if axis < 0 || axis >= out.Dims() {
		return nil
	}
	all, inner := around(out, axis)
	sizes, total := make([]int, len(in)), 0
	for i, s := range in {
		if s.Dims() != out.Dims() {
			return nil
		}
		sizes[i] = s[axis] * inner
		total += sizes[i]
	}
	if total != out[axis]*inner {
		return nil
	}
	return copies{"concat", below(axis), func(dst *bind.Buffer, src []*bind.Buffer, rows int) {
		at := 0
		for i := range outer(dst, rows, all) {
			for j, s := range src {
				at += copy(dst.Data[at:], s.Data[i*sizes[j]:(i+1)*sizes[j]])
			}
		}
	}}
}

// matchSlice cuts out [from, to) along an axis of whole; its derivative puts it back, with
// zeros around it.
func matchSlice(text string, whole, part tensor.Shape, back bool) bind.Op {
	text, ok := strings.CutPrefix(text, "T[")
	if !ok {
		return nil
	}
	axis := strings.Count(text, ":, ")
	var from, to, step int
	rest := text[axis*len(":, "):]
	if strings.HasPrefix(rest, ":...]") && part.Eq(whole) {
		return reshape{sameRows: true} // all of it
	}
	if _, err := fmt.Sscanf(rest, "%d:%d:%d...]", &from, &to, &step); err != nil || axis >= whole.Dims() {
		return nil
	}
	all, inner := around(whole, axis)
	if step > 1 || from < 0 || to > whole[axis] || from >= to || part.TotalSize() != all*(to-from)*inner {
		return nil
	}
	if axis == 0 && part.IsScalar() {
		return nil
	}
	stride, size := whole[axis]*inner, (to-from)*inner
	if back {
		return copies{"slice back", below(axis), func(dst *bind.Buffer, src []*bind.Buffer, rows int) {
			for i := range outer(dst, rows, all) {
				row := dst.Data[i*stride : (i+1)*stride]
				clear(row)
				copy(row[from*inner:], src[0].Data[i*size:(i+1)*size])
			}
		}}
	}
	return copies{"slice", below(axis), func(dst *bind.Buffer, src []*bind.Buffer, rows int) {
		for i := range outer(src[0], rows, all) {
			copy(dst.Data[i*size:(i+1)*size], src[0].Data[i*stride+from*inner:])
		}
	}}
}
