package models

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of the pages that preferHugePages asks for, in bytes.
const hugePage = 2 << 20

// preferHugePages asks the system to back a table by large pages, which are found again
// without a walk through the page tables: rows are touched at random. It is a wish, and
// changes no value.
func preferHugePages(x []float32) {
	if len(x) < hugePage/4 {
		return
	}
	at := uintptr(unsafe.Pointer(&x[0]))
	skip := (hugePage - at%hugePage) % hugePage
	whole := (uintptr(4*len(x)) - skip) / hugePage * hugePage
	if whole == 0 || skip >= uintptr(4*len(x)) {
		return
	}
	_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(&x[0]), skip)), whole), syscall.MADV_HUGEPAGE)
}
