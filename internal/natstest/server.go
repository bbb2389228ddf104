package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// patience is how long a server may take to do what it must.
const patience = 2 * time.Minute

// Server runs one server with JetStream for as long as the test. Each edit may change
// its options first.
func Server(t testing.TB, edits ...func(*server.Options)) *server.Server {
	t.Helper()
	opts := options(t)
	for _, edit := range edits {
		edit(opts)
	}
	return start(t, opts)
}

func options(t testing.TB) *server.Options {
	return &server.Options{
		Host:      "127.0.0.1",
		Port:      server.RANDOM_PORT,
		JetStream: true,
		StoreDir:  t.TempDir(),
		NoSigs:    true,
		NoLog:     true,
	}
}

func start(t testing.TB, opts *server.Options) *server.Server {
	t.Helper()
	srv, err := server.NewServer(opts)
	require.NoError(t, err)
	srv.Start()
	t.Cleanup(func() { stop(srv) })
	require.True(t, srv.ReadyForConnections(patience), "the server does not start")
	return srv
}

func stop(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}
