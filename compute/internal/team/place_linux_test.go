//go:build linux && (amd64 || arm64)

package team

import (
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// allowed returns the processors that the calling thread may run on.
func allowed(t *testing.T) (m mask, size uintptr) {
	t.Helper()
	size, _, failed := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(m), uintptr(unsafe.Pointer(&m)))
	require.Zero(t, failed)
	return m, size
}

func TestAThreadThatLeavesAProcessorMayStillRunOnAll(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, size := allowed(t)
	if runtime.NumCPU() > 1 {
		// Often enough that the system, which may bring the thread back at once, rarely does.
		left := 0
		for range 50 {
			from := processor()
			leave(from)
			if processor() != from {
				left++
			}
		}
		require.Greater(t, left, 10)
	}
	after, _ := allowed(t)
	require.Equal(t, before, after)

	here := processor()
	var one mask
	one[here/64] = 1 << (here % 64)
	require.True(t, allow(&one, size))
	leave(here)
	require.Equal(t, here, processor(), "it leaves a processor for none")
	only, _ := allowed(t)
	require.Equal(t, one, only)
	require.True(t, allow(&before, size))
}
