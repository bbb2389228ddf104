package natstest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A Cluster is servers that share their streams.
type Cluster struct {
	t       testing.TB
	options []*server.Options
	servers []*server.Server // nil where one is stopped
}

// NewCluster runs n servers until the test ends, and returns once they take streams of n
// replicas.
func NewCluster(t testing.TB, n int) *Cluster {
	t.Helper()
	c := &Cluster{t: t, servers: make([]*server.Server, n)}
	var routes []*url.URL
	for range n {
		routes = append(routes, &url.URL{Scheme: "nats", Host: Address(t)})
	}
	for i := range n {
		opts := options(t)
		opts.ServerName = fmt.Sprint("n", i)
		opts.Host, opts.Port = split(t, Address(t)) // the same after a restart
		opts.Routes = routes
		opts.Cluster.Name = "test"
		opts.Cluster.Host, opts.Cluster.Port = split(t, routes[i].Host)
		c.options = append(c.options, opts)
	}
	// All of them first: a server is ready once it has met the others.
	for i, opts := range c.options {
		srv, err := server.NewServer(opts)
		require.NoError(t, err)
		srv.Start()
		c.servers[i] = srv
	}
	t.Cleanup(func() {
		for i := range c.servers {
			c.Stop(i)
		}
	})
	c.Settled(n)
	c.placed(n)
	return c
}

// placed waits until a stream finds n servers to lie on: a leader places none on those
// that it has not heard of lately.
func (c *Cluster) placed(n int) {
	c.t.Helper()
	nc, err := nats.Connect(c.URL(), nats.Timeout(patience))
	require.NoError(c.t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(c.t, err)
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	probe := jetstream.StreamConfig{Name: "PROBE", Replicas: n, Storage: jetstream.MemoryStorage}
	require.Eventually(c.t, func() bool {
		if _, err = js.CreateStream(ctx, probe); err == nil {
			err = js.DeleteStream(ctx, probe.Name)
		}
		return err == nil
	}, patience, 50*time.Millisecond, "no stream of %d replicas", n)
}

// URL lists the addresses of all servers, of those that are stopped too.
func (c *Cluster) URL() string {
	var urls []string
	for _, opts := range c.options {
		urls = append(urls, fmt.Sprintf("nats://%s:%d", opts.Host, opts.Port))
	}
	return strings.Join(urls, ",")
}

// Settled waits until n servers run and one of them leads.
func (c *Cluster) Settled(n int) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		led, known := false, true
		for _, srv := range c.servers {
			if srv == nil {
				continue
			}
			led = led || srv.JetStreamIsLeader()
			known = known && len(srv.JetStreamClusterPeers()) >= n || !srv.JetStreamIsLeader()
		}
		return led && known
	}, patience, 20*time.Millisecond, "the cluster has no leader that knows %d servers", n)
}

// Leader is the server that leads a stream of the account without a name.
func (c *Cluster) Leader(stream string) int {
	c.t.Helper()
	leader := -1
	require.Eventually(c.t, func() bool {
		leader = slices.IndexFunc(c.servers, func(srv *server.Server) bool {
			return srv != nil && srv.JetStreamIsStreamLeader("$G", stream)
		})
		return leader >= 0
	}, patience, 20*time.Millisecond, "nobody leads stream %s", stream)
	return leader
}

// Stop stops a server, if it runs. Its files stay.
func (c *Cluster) Stop(i int) {
	if c.servers[i] != nil {
		stop(c.servers[i])
		c.servers[i] = nil
	}
}

// Start starts a server that was stopped, on its files.
func (c *Cluster) Start(i int) {
	c.t.Helper()
	srv, err := server.NewServer(c.options[i].Clone())
	require.NoError(c.t, err)
	srv.Start()
	c.servers[i] = srv
	require.True(c.t, srv.ReadyForConnections(patience), "server %d does not start again", i)
}

func split(t testing.TB, address string) (string, int) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	require.NoError(t, err)
	return addr.IP.String(), addr.Port
}
