package bind

import (
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// A Buffer is the memory of one value, made before anything is bound and kept for as long
// as the plan lives.
type Buffer struct {
	Shape tensor.Shape
	Data  []float32 // row-major; one element for a float32 scalar; nil for a float64 one
	F64   *float64  // of a float64 scalar, else nil
	I32   []int32   // of an input of integers, else nil
	// Rows says that the leading axis counts rows: a run for fewer rows than that axis is
	// long computes, and reads, the leading ones alone.
	Rows bool
	// Finite says that it holds neither NaN nor infinity in any run, so that 0 times an element
	// of it is 0.
	Finite bool
	// Collector is of all who collect rows by these ids; nil before there are any.
	Collector *kernel.Collector

	width int // of a row
}

// NewBuffer returns a Buffer of a shape, which it keeps, without memory.
func NewBuffer(shape tensor.Shape) *Buffer {
	b := &Buffer{Shape: shape, width: 1}
	for _, d := range shape[min(1, len(shape)):] {
		b.width *= d
	}
	return b
}

// Width returns the number of elements below the leading axis.
func (b *Buffer) Width() int { return b.width }

// Count returns the number of leading elements that a run for rows rows has to do with.
func (b *Buffer) Count(rows int) int {
	if b.Rows {
		return rows * b.Width()
	}
	if b.I32 != nil {
		return len(b.I32)
	}
	return len(b.Data)
}

// Live returns those elements, of a buffer that holds no integers.
func (b *Buffer) Live(rows int) []float32 { return b.Data[:b.Count(rows)] }

// A Run is a call of a Task: part Part of Parts of a run for Rows rows.
type Run struct {
	Rows, Part, Parts int
	// Member is which of the goroutines that share a task the caller is.
	Member int
	// Work is of kernel.Workspace elements, this goroutine's own.
	Work []float32
	// Room is of Task.Room elements or more, this goroutine's own, and holds anything.
	Room []float32
}

// Cut returns this part of n units, in blocks of a size, as [from, to).
func (r Run) Cut(n, block int) (from, to int) {
	if r.Parts <= 1 {
		return 0, n
	}
	blocks := (n + block - 1) / block
	from, to = blocks*r.Part/r.Parts*block, blocks*(r.Part+1)/r.Parts*block
	return min(from, n), min(to, n)
}

// Cost counts floating point operations: Fixed, and Row for each row.
type Cost struct{ Fixed, Row int }

// Of returns the cost for so many rows.
func (c Cost) Of(rows int) int { return c.Fixed + rows*c.Row }

// A Task computes one node.
type Task struct {
	Kernel string // what a listing calls it
	Cost   Cost
	// Split says that Do may be called with more than one part.
	Split bool
	Room  int // elements of Run.Room that Do needs
	Do    func(Run)
}

// Sparse is a matrix of which few rows differ from zero: row i of Values, whose width is
// that of the matrix, is its row Index[i]. No index occurs twice.
type Sparse struct {
	Index  []int32
	Values []float32 // len(Index) × width
}

// A SparseOp is an Op whose result, a matrix, can be written as the rows that differ from
// zero.
type SparseOp interface {
	Op
	// BindSparse returns the task that writes the result to dst, whose slices it makes and
	// cuts to length anew on each run. If own, nobody reads the first input after it, and
	// the result may lie there until the next run.
	BindSparse(set *kernel.Set, dst *Sparse, in []*Buffer, own bool) Task
}

// An Op is a gorgonia.Op that has kernels.
type Op interface {
	// Rows says whether the leading axis of the result counts rows, given which inputs'
	// leading axes do. Without ok the op cannot run on a part of those rows.
	Rows(in []bool) (out, ok bool)
	// InPlace lists the inputs that may share memory with the result.
	InPlace() []int
	// Bind returns the task that computes dst from in. It is called once.
	Bind(set *kernel.Set, dst *Buffer, in []*Buffer) Task
}
