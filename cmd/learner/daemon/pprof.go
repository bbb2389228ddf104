package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Profile serves Go's profiles on address, which must be a loopback one, until ctx ends.
// It is for a person who looks at a running process:
//
//	PERENNIAL_PPROF=127.0.0.1:6060 learner up &
//	go tool pprof http://127.0.0.1:6060/debug/pprof/profile?seconds=10
//
// The returned function waits until it has ended.
func Profile(ctx context.Context, address string, logger *slog.Logger) (wait func(), err error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve profiles: %w", err)
	}
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("serve profiles on %q: must be a loopback address", address), ln.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() }) // Serve returns, whatever Close says
	go func() {
		defer close(done)
		defer stop()
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			logger.Warn("profiles are no longer served", "error", err)
		}
	}()
	logger.Info("serves profiles", "http", "http://"+ln.Addr().String()+"/debug/pprof/")
	return func() { <-done }, nil
}
