package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// startTimeout bounds the embedded server's start, recovery of its streams included.
	startTimeout = 2 * time.Minute
	// stopTimeout bounds its stop, which takes milliseconds unless the disk or the machine is
	// overloaded.
	stopTimeout = 10 * time.Second
	// maxPayload is the largest record of an embedded log, headers included, in bytes.
	maxPayload = 1 << 20
)

// ErrLocked: another process, or another Server of this one, holds the folder.
var ErrLocked = errors.New("the log's folder is in use by another process")

// A Config says where a server stores and listens.
type Config struct {
	Dir    string // the store folder; made if there is none
	Listen string // host:port for clients outside the process, or "" for none
}

// A Server is a NATS server with JetStream, and the lock on its folder.
type Server struct {
	cfg    Config
	srv    *server.Server
	lock   *dirLock
	staged stagings
}

// Start locks the folder and runs a server on it. It returns ErrLocked if another process,
// or another Server, has the folder.
func Start(ctx context.Context, cfg Config, log *slog.Logger) (*Server, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create log folder: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	left := leftStaging(cfg.Dir, memoryRoot())
	opts := &server.Options{
		ServerName: "perennial",
		DontListen: true,
		JetStream:  true,
		StoreDir:   cfg.Dir,
		SyncAlways: true,
		MaxPayload: maxPayload,
		NoSigs:     true,
	}
	if cfg.Listen != "" {
		host, port, err := SplitListen(cfg.Listen)
		if err != nil {
			_ = lock.release()
			return nil, fmt.Errorf("listen %q: %w", cfg.Listen, err)
		}
		if port == 0 {
			port = server.RANDOM_PORT
		}
		opts.DontListen, opts.Host, opts.Port = false, host, port
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		_ = lock.release()
		return nil, fmt.Errorf("set up embedded server: %w", err)
	}
	srv.SetLoggerV2(serverLog{log}, false, false, false)
	e := &Server{cfg: cfg, srv: srv, lock: lock, staged: stagings{dir: cfg.Dir, root: memoryRoot(), log: log}}
	srv.Start()
	for deadline := time.Now().Add(startTimeout); ; {
		if srv.ReadyForConnections(50*time.Millisecond) && srv.JetStreamEnabled() {
			for _, target := range left {
				if err := os.RemoveAll(target); err != nil {
					log.Warn("the staging of an earlier process stays behind", "folder", target, "error", err)
				}
			}
			e.warnOfStrangers(log)
			return e, nil
		}
		if !srv.Running() || ctx.Err() != nil || time.Now().After(deadline) {
			_ = e.Stop()
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("start embedded server on %s: %w", cfg.Dir, err)
			}
			return nil, fmt.Errorf("start embedded server on %s: not ready; its log says why", cfg.Dir)
		}
	}
}

// warnOfStrangers says so where whoever reaches this machine reaches the server.
func (e *Server) warnOfStrangers(log *slog.Logger) {
	if e.cfg.Listen == "" {
		return
	}
	if addr, _ := e.srv.Addr().(*net.TCPAddr); addr != nil && !addr.IP.IsLoopback() {
		log.Warn("the embedded log takes clients from other machines and asks for no password",
			"listen", addr.String())
	}
}

// InProcessConn connects to the server without a socket.
func (e *Server) InProcessConn() (net.Conn, error) { return e.srv.InProcessConn() }

// ClientURL is where clients outside the process reach the server, "" if it opens no
// socket.
func (e *Server) ClientURL() string {
	if e.cfg.Listen == "" {
		return ""
	}
	return e.srv.ClientURL()
}

// Free is what the folder's disk has left, in bytes, and false where that is unknown.
func (e *Server) Free() (uint64, bool) { return freeOf(e.cfg.Dir) }

// Stage keeps the batches of a stream that exists in memory while they wait for their
// commit, and reports whether it does. Otherwise they are staged on disk.
func (e *Server) Stage(stream string) bool { return e.staged.add(stream) }

// Unstage has a stream's batches staged on disk from now on.
func (e *Server) Unstage(stream string) error { return e.staged.drop(stream) }

// Stop shuts the server down and frees its folder. If the server does not stop in time
// the folder stays locked until the process ends, as something may still write to it.
func (e *Server) Stop() error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}()
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return errors.Join(e.staged.close(), e.lock.release())
	case <-timer.C:
		return fmt.Errorf("embedded server did not stop within %v", stopTimeout)
	}
}

// SplitListen splits host:port; the host may be empty, the port a number or 0 for one
// that the system picks.
func SplitListen(listen string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(p, 10, 16)
	return host, int(n), err
}

// serverLog passes the embedded server's lines on: its notices as debug, as they are
// about NATS and not about learning; its warnings and errors as warnings, as nothing
// failed until a call of ours returns an error.
type serverLog struct{ log *slog.Logger }

func (l serverLog) say(level slog.Level, format string, v []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, fmt.Sprintf(format, v...), "from", "nats-server")
	}
}

func (l serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l serverLog) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l serverLog) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelWarn, format, v) }
func (l serverLog) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
