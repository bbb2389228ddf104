package models

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of the pages that newTable asks for, in bytes.
const hugePage = 2 << 20

// newTable returns n zeros for a table, whose rows are touched at random. One that is large
// begins a large page, and the system is asked to back it by such, which are found again without
// a walk through the page tables. It is a wish, and changes no value.
func newTable(n int) []float32 {
	const values = hugePage / 4
	if n < values {
		return make([]float32, n)
	}
	x := make([]float32, n+values)
	skip := int((hugePage - uintptr(unsafe.Pointer(&x[0]))%hugePage) % hugePage / 4)
	x = x[skip : skip+n : skip+n]
	whole := 4 * n / hugePage * hugePage
	_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), whole), syscall.MADV_HUGEPAGE)
	return x
}
