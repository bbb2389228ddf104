package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// startTimeout bounds the embedded server's start, recovery of its streams included.
	startTimeout = 2 * time.Minute
	// stopTimeout bounds its stop.
	stopTimeout = 4 * time.Second
	// maxPayload is the largest record of an embedded log, headers included, in bytes.
	maxPayload = 1 << 20
)

// An embedded server and the lock on its folder.
type embedded struct {
	srv    *server.Server
	lock   *dirLock
	staged stagings
}

// startEmbedded locks dir and runs a NATS server on it.
func startEmbedded(ctx context.Context, cfg Config, log *slog.Logger) (*embedded, error) {
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
		host, port, err := splitListen(cfg.Listen)
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
	e := &embedded{srv: srv, lock: lock, staged: stagings{dir: cfg.Dir, root: memoryRoot(), log: log}}
	srv.Start()
	for deadline := time.Now().Add(startTimeout); ; {
		if srv.ReadyForConnections(50*time.Millisecond) && srv.JetStreamEnabled() {
			for _, target := range left {
				if err := os.RemoveAll(target); err != nil {
					log.Warn("the staging of an earlier process stays behind", "folder", target, "error", err)
				}
			}
			return e, nil
		}
		if !srv.Running() || ctx.Err() != nil || time.Now().After(deadline) {
			_ = e.stop()
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("start embedded server on %s: %w", cfg.Dir, err)
			}
			return nil, fmt.Errorf("start embedded server on %s: not ready; its log says why", cfg.Dir)
		}
	}
}

// stop shuts the server down and frees its folder. If the server does not stop in time
// the folder stays locked until the process ends, as something may still write to it.
func (e *embedded) stop() error {
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
