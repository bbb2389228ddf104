package daemon_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
)

func TestTakenAddressLeavesNothingBehind(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	folder := filepath.Join(t.TempDir(), "data")
	cfg := parse(t, oneModel, folder)
	cfg.HTTP.Address = ln.Addr().String()
	_, err = daemon.Open(t.Context(), cfg, daemon.Options{Logger: discard()})
	require.ErrorContains(t, err, "http.address: listen tcp")
	require.NotContains(t, err.Error(), "\n")
	_, err = os.Stat(folder)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A client that never ends its request must not make a clean stop a failed one.
func TestHalfSentRequestDoesNotFailACleanStop(t *testing.T) {
	yaml := oneModel + "http: {limits: {drain: 200ms}}\n"
	d := start(t, yaml, t.TempDir(), daemon.Options{})
	conn, err := net.Dial("tcp", d.base[len("http://"):])
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprint(conn, "POST /v1/models/shop/feedback HTTP/1.1\r\nHost: x\r\n"+
		"Content-Type: application/cloudevents+json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	time.Sleep(100 * time.Millisecond) // the handler has it
	d.stop()
}
