// Package blas multiplies for gonum and for Gorgonia's tensors with the kernels of package
// compute, if a program asks for it:
//
//	blas32.Use(blas.New())   // gonum.org/v1/gonum/blas/blas32
//	tensor.Use(blas.New())   // gorgonia.org/tensor, and with it the TapeMachine
//
// Sgemm, Sgemv and Sger are ours; everything else is gonum's, which Implementation embeds.
// Importing the package changes nothing, and plans do not need it: they call the kernels
// themselves.
//
// # Invariants
//
//   - Results are gonum's to within rounding: each element is one chain of fused
//     multiply-adds in the order of the inner index, where gonum rounds every product and
//     adds in blocks. The bits depend on neither threads nor kernels.
//   - gonum leaves out terms whose factor in a is 0, so that it has 0 where 0·Inf and 0·NaN
//     are NaN here.
//   - Arguments that gonum refuses are refused with gonum's panics.
//
// # Concurrency
//
// An Implementation may be used by any number of goroutines, each on results of its own.
package blas
