package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/ledger/internal/access"
	"github.com/perennial-ml/perennial/ledger/internal/ask"
	"github.com/perennial-ml/perennial/ledger/internal/embedded"
)

// A Broker is the NATS server that keeps the logs, with a connection to it.
type Broker struct {
	cfg  Config
	log  *slog.Logger
	emb  *embedded.Server // nil for an external server
	conn *nats.Conn
	js   jetstream.JetStream
	free func() (bytes uint64, ok bool) // of the embedded server's disk; nil for an external one

	mu     sync.Mutex
	closed bool
	logs   []*Log
}

// Connect starts the embedded server, or connects to the external one. cfg gets its
// defaults and is validated. It returns ErrLocked if another process holds cfg.Dir.
func Connect(ctx context.Context, cfg Config, log *slog.Logger) (*Broker, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	b := &Broker{cfg: cfg, log: log}
	if cfg.URL == "" {
		emb, err := embedded.Start(ctx, embedded.Config{Dir: cfg.Dir, Listen: cfg.Listen}, log)
		if err != nil {
			return nil, err
		}
		b.emb, b.free = emb, emb.Free
	}
	var err error
	if b.conn, err = b.dial(ctx, "perennial"); err == nil {
		b.js, err = jetstream.New(b.conn, jetstream.WithDefaultTimeout(ask.Timeout))
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Conn is a connection for use beside the log: publishing versions, watching
// channels. It is closed by Close.
func (b *Broker) Conn() *nats.Conn { return b.conn }

// JetStream is JetStream over Conn.
func (b *Broker) JetStream() jetstream.JetStream { return b.js }

// ClientURL is where clients reach the embedded server, "" if it opens no socket; for
// an external server it is the configured URL.
func (b *Broker) ClientURL() string {
	if b.emb == nil {
		return b.cfg.URL
	}
	return b.emb.ClientURL()
}

// dial opens one more connection. Writers and readers have their own, so that a scan's
// backlog never stands before a commit's answer.
func (b *Broker) dial(ctx context.Context, name string) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		// What is written while the broker is away is unknown to its writer: fail
		// at once and let the writer decide.
		nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn("connection to the log", "connection", name, "error", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn("connection to the log was lost", "connection", name, "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			b.log.Info("connection to the log is back", "connection", name)
		}),
	}
	if b.emb != nil {
		nc, err := nats.Connect("", append(opts, nats.InProcessServer(b.emb), nats.Timeout(embeddedTimeout))...)
		if err != nil {
			return nil, fmt.Errorf("connect to the embedded server: %w", err)
		}
		return nc, nil
	}
	tls := b.cfg.TLS
	files := access.Files{Credentials: b.cfg.Credentials, CA: tls.CA, Cert: tls.Cert, Key: tls.Key}
	proof, err := files.Options()
	if err != nil {
		return nil, err
	}
	nc, err := connect(ctx, b.cfg.URL, append(opts, proof...))
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", b.cfg.URL, files.Explain(err))
	}
	return nc, nil
}

// embeddedTimeout bounds a handshake with a server in this process, which is there.
const embeddedTimeout = time.Minute

// connect connects to an external server, and tries again where that takes longer than the
// client waits, two seconds, before it goes to the next address: all of them may be slow. It
// looks at ctx between two tries.
func connect(ctx context.Context, url string, opts []nats.Option) (*nats.Conn, error) {
	const tries = 5
	for try := 1; ; try++ {
		nc, err := nats.Connect(url, opts...)
		var slow net.Error
		late := errors.Is(err, nats.ErrTimeout) || errors.As(err, &slow) && slow.Timeout()
		if !late || try == tries {
			return nc, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// Close closes every Log, the connections and the embedded server, within some seconds.
// Appends that wait get ErrClosed. It may be called more than once.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	logs := b.logs
	b.logs = nil
	b.mu.Unlock()

	for _, l := range logs {
		l.close()
	}
	if b.conn != nil {
		b.conn.Close()
	}
	if b.emb == nil {
		return nil
	}
	return b.emb.Stop()
}
