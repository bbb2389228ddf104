package natstest_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/natstest"
)

func TestAnAddressIsFreeAndNoneThatTheSystemGivesAway(t *testing.T) {
	for range 50 {
		ln, err := net.Listen("tcp", natstest.Address(t))
		require.NoError(t, err)
		defer ln.Close()
		_, port, err := net.SplitHostPort(ln.Addr().String())
		require.NoError(t, err)
		n, err := strconv.Atoi(port)
		require.NoError(t, err)
		require.Greater(t, n, 1023)
		require.Less(t, n, 32768)
	}
}
