package leak

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestAGoroutineIsWaitedForAndOneThatStaysIsNamed(t *testing.T) {
	require.NoError(t, goleak.Find(), "for what this test can tell")
	stay := make(chan struct{})
	go lingers(stay)
	err := gone(time.Millisecond)
	require.ErrorContains(t, err, "lingers")
	time.AfterFunc(time.Second, func() { close(stay) }) // longer than goleak waits
	require.NoError(t, gone(patience))
}

func lingers(stay <-chan struct{}) { <-stay }
