package daemon

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/natstest"
)

func TestProfilesAreServedOnLoopbackAlone(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	_, err := Profile(t.Context(), "0.0.0.0:0", quiet)
	require.ErrorContains(t, err, "must be a loopback address")

	address := natstest.Address(t)
	ctx, cancel := context.WithCancel(t.Context())
	wait, err := Profile(ctx, address, quiet)
	require.NoError(t, err)
	resp, err := http.Get("http://" + address + "/debug/pprof/goroutine?debug=1")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)

	cancel()
	wait()
	_, err = http.Get("http://" + address + "/debug/pprof/")
	require.Error(t, err)
}
