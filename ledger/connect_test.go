package ledger_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/ledger"
)

// A server that starts beside others may take longer for its first words than the client waits.
func TestAServerThatIsSlowToGreetIsTriedAgain(t *testing.T) {
	server := connect(t, ledger.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	p := newProxy(t, server.ClientURL())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var greeting sync.WaitGroup
	greeting.Go(func() { // says nothing to the first, and takes the others to the server
		first, err := ln.Accept()
		if err != nil {
			return
		}
		defer first.Close()
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", p.listener.Addr().String())
			if err != nil {
				client.Close()
				return
			}
			p.pass(client, server)
		}
	})
	t.Cleanup(func() {
		ln.Close()
		greeting.Wait()
	})
	l := open(t, ledger.Config{URL: "nats://" + ln.Addr().String(), Replicas: 1})
	appendAll(t, l, numbered(1, 3))
}

// Whoever stops while a server is silent must not wait for every try.
func TestAStopEndsTheTriesToConnect(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var greeting sync.WaitGroup
	callers := 0
	greeting.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			defer client.Close()
			callers++
			cancel()
		}
	})
	_, err = ledger.Connect(ctx, ledger.Config{URL: "nats://" + ln.Addr().String()}, discard())
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, ln.Close())
	greeting.Wait()
	require.Equal(t, 1, callers)
}
