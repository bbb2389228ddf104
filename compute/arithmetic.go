package compute

import (
	"fmt"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// Arithmetic offers the kernels of a Plan outside of graphs. It has no state: any number of
// goroutines may use one.
type Arithmetic struct{ set *kernel.Set }

// Best returns the best kernels that this machine has.
func Best() Arithmetic { return Arithmetic{kernel.Best()} }

// Named returns the kernels of a family, as WithKernels names them.
func Named(family string) (Arithmetic, error) {
	set, err := kernel.Named(family)
	if err != nil {
		return Arithmetic{}, fmt.Errorf("compute: %w", err)
	}
	return Arithmetic{set}, nil
}

// Finite reports whether x holds no NaN and no infinity.
func (a Arithmetic) Finite(x []float32) bool { return a.set.Finite(x) }

// SumSquares returns the sum of x², in float64 and in one fixed order. It is finite exactly
// if x is.
func (a Arithmetic) SumSquares(x []float32) float64 { return a.set.SumSquares(x) }

// Norm returns the square root of the sum of x², in float32 and in one fixed order. It is finite
// only if x is.
func (a Arithmetic) Norm(x []float32) float64 { return a.set.Norm(x) }

// Dot returns the sum of x y, in float32 and in one fixed order.
func (a Arithmetic) Dot(x, y []float32) float32 { return a.set.Dot(x, y) }

// Sigmoid writes 1/(1+exp(-z)) to dst, which is as long as z.
func (a Arithmetic) Sigmoid(dst, z []float32) { a.set.Apply(dst, z, kernel.Sigmoid) }

// Softmax writes the softmax of each row of z to dst; both are rows×columns.
func (a Arithmetic) Softmax(dst, z []float32, rows, columns int) {
	a.set.Softmax(dst, z, rows, columns, columns, columns)
}

// LookUp computes dst = src + offsets for rows of len(offsets) ids, one after the other in src.
// It returns false, and leaves dst undefined, unless each is from 0 to its column's top.
func (a Arithmetic) LookUp(dst, src, offsets, tops []int32) bool {
	return a.set.LookUp(dst, src, offsets, tops)
}

// Prefetch asks for rows of a table, dim elements each, to be brought near. It changes nothing.
func (a Arithmetic) Prefetch(table []float32, rows []int32, dim int) {
	a.set.Prefetch(table, rows, dim)
}

// Name returns the name of the family.
func (a Arithmetic) Name() string { return a.set.Name }

// PeakFMA runs rounds of fused multiply-adds on registers alone, and returns the number of
// floating point operations that these were. Timed, that is the peak of one core. It is 0
// for a family of Go code.
func (a Arithmetic) PeakFMA(rounds int) int { return a.set.PeakFMA(rounds) }

// Updater applies optimizer steps in one pass over parameters and state; Hyper are its
// settings, and a Penalty pulls parameters to an anchor. Their fields and methods are listed by
// go doc ./compute/internal/kernel Updater.
type (
	Updater = kernel.Updater
	Hyper   = kernel.Hyper
	Penalty = kernel.Penalty
)

// FTRLNext is one value's step of Updater.FTRL.
func FTRLNext(theta, g, z, n float32, h *Hyper) (w, z2, n2 float32) {
	return kernel.FTRLNext(theta, g, z, n, h)
}

// NewUpdater returns an Updater with these kernels. It belongs to one goroutine at a time.
func (a Arithmetic) NewUpdater() *Updater { return a.set.NewUpdater() }
