package natstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// The ports of Address are in [first, end).
const (
	first = 20_000
	end   = 32_000
)

// Address returns host:port on 127.0.0.1 where nobody listened a moment ago, for whoever has
// to know it before anyone listens, or comes back to it. It is none that the system gives to
// those who ask for any port (Linux begins at 32768, others at 49152), so that nobody else
// gets it meanwhile.
func Address(t testing.TB) string {
	t.Helper()
	var err error
	for range 100 {
		var ln net.Listener
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(end-first))); err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	require.NoError(t, err, "no port of 100 is free")
	return ""
}
