package models

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestLargeTablesBeginAPage(t *testing.T) {
	for _, n := range []int{1, 100, hugePage / 4, hugePage/4 + 1, hugePage} {
		x := newTable(n)
		require.Len(t, x, n)
		require.Equal(t, n, cap(x), "who appends must not write behind the table")
		if n >= hugePage/4 {
			require.Zero(t, uintptr(unsafe.Pointer(&x[0]))%hugePage, "a table of %d values", n)
		}
		x[0], x[n-1] = 1, 1
	}
}
