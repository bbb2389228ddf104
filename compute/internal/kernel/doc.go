// Package kernel has the float32 loops that plans are made of.
//
//	plan ──▶ Set (chosen once) ──▶ avx512 | avx2 | portable
//
// A Set is a family of kernels with one contract; which family runs changes how long a
// result takes, and none of its bits.
package kernel
