//go:build linux && (amd64 || arm64)

package team

import (
	"runtime"
	"syscall"
	"unsafe"
)

// processor returns the number of the processor that the caller runs on, below 0 if it
// cannot be told.
func processor() int {
	number := uintptr(309) // getcpu, which package syscall has no name for
	if runtime.GOARCH == "arm64" {
		number = 168
	}
	var cpu uint32
	if _, _, failed := syscall.RawSyscall(number, uintptr(unsafe.Pointer(&cpu)), 0, 0); failed != 0 {
		return -1
	}
	return int(cpu)
}

// A mask is a set of processors, in the system's form.
type mask [128]uint64

// leave takes the calling thread from a processor to another that it may run on, if there is
// one: it forbids itself that processor, and allows it again.
func leave(processor int) {
	// While it is locked the runtime makes no thread after the model of this one.
	runtime.LockOSThread()
	var all mask
	size, _, failed := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(all), uintptr(unsafe.Pointer(&all)))
	if failed == 0 && processor < 8*int(size) {
		others := all
		others[processor/64] &^= 1 << (processor % 64)
		// It fails if there is no other processor.
		if allow(&others, size) && !allow(&all, size) {
			return // and stay locked: the thread ends with its goroutine
		}
	}
	runtime.UnlockOSThread()
}

// allow sets the processors that the calling thread may run on.
func allow(m *mask, size uintptr) bool {
	_, _, failed := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, size, uintptr(unsafe.Pointer(m)))
	return failed == 0
}
