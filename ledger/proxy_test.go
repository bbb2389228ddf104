package ledger_test

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/ledger"
)

// A proxy stands between a client and a broker that listens, and can hold or cut what
// passes.
type proxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu    sync.Mutex
	held  *sync.Cond
	hold  bool
	conns []net.Conn
}

func newProxy(t *testing.T, target string) *proxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: ln, target: strings.TrimPrefix(target, "nats://")}
	p.held = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		ln.Close()
		p.setHold(false)
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.pass(client, server)
	}
}

// pass passes what comes from either side to the other.
func (p *proxy) pass(client, server net.Conn) {
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	p.wg.Go(func() { p.copy(server, client) })
	p.wg.Go(func() { p.copy(client, server) })
}

func (p *proxy) copy(dst, src net.Conn) {
	defer dst.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		p.mu.Lock()
		for p.hold {
			p.held.Wait()
		}
		p.mu.Unlock()
		if _, werr := dst.Write(buf[:n]); werr != nil || err != nil {
			return
		}
	}
}

// setHold stops everything that passes, or lets it pass again.
func (p *proxy) setHold(hold bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = hold
	p.held.Broadcast()
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// external returns a log that reaches its broker through a proxy, as an external one.
func external(t *testing.T, cfg ledger.Config) (*ledger.Log, *proxy) {
	server := connect(t, ledger.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	p := newProxy(t, server.ClientURL())
	cfg.URL, cfg.Replicas = p.url(), 1
	return open(t, cfg), p
}
