package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mediaBatch = "application/cloudevents-batch+json"
	mediaEvent = "application/cloudevents+json"
	busyPause  = 20 * time.Millisecond
)

// A load posts batches on several connections until it has sent its events.
type load struct {
	base        string
	client      *http.Client
	connections int
	batch       int
	rate        int // events a second; 0: as fast as accepted
	events      int
	stage       time.Duration // 0: until events are sent
	joined      bool
	seed        uint64
	name        string

	sent     atomic.Int64 // events given to a connection
	accepted atomic.Int64
	examples atomic.Int64 // that accepted events make
	busy     atomic.Int64 // posts that had to be tried again
	last     atomic.Uint64
}

// run posts until everything is sent, the stage is over, or ctx ends. The schedule of an
// offered rate is fixed beforehand: what is late is sent at once, and nothing is left out.
func (l *load) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var ticket atomic.Int64
	began := time.Now()
	var all sync.WaitGroup
	for i := range l.connections {
		all.Go(func() {
			w := newWriter(fmt.Sprintf("%s-%d", l.name, i), l.seed, uint64(i), l.joined)
			if err := l.connection(ctx, w, began, &ticket); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

func (l *load) connection(ctx context.Context, w *writer, began time.Time, ticket *atomic.Int64) error {
	var answer []byte
	for ctx.Err() == nil {
		n := ticket.Add(1) - 1
		if n*int64(l.batch) >= int64(l.events) {
			return nil
		}
		if l.rate > 0 {
			due := time.Duration(float64(n) * float64(l.batch) / float64(l.rate) * float64(time.Second))
			if l.stage > 0 && due > l.stage {
				return nil
			}
			if !sleep(ctx, due-time.Since(began)) {
				return nil
			}
		}
		body, events, examples := w.body(min(l.batch, l.events-int(n)*l.batch))
		l.sent.Add(int64(events))
		var err error
		if answer, err = l.insist(ctx, body, answer[:0]); err != nil {
			return err
		}
		accepted, ok := number(answer, `"accepted":`)
		if !ok || int(accepted) != events {
			return fmt.Errorf("%d of %d events were accepted: %.600s", accepted, events, answer)
		}
		l.accepted.Add(int64(events))
		l.examples.Add(int64(examples))
		l.reached(answer)
	}
	return nil
}

// insist posts a batch until it is taken; the ids make that safe.
func (l *load) insist(ctx context.Context, body, answer []byte) ([]byte, error) {
	for {
		got, err := post(ctx, l.client, l.base+"/v1/feedback", mediaBatch, body, answer)
		if !errors.Is(err, errBusy) {
			return got, err
		}
		l.busy.Add(1)
		if !sleep(ctx, busyPause) {
			return answer, context.Cause(ctx)
		}
	}
}

// reached notes how far the log goes by an answer: the position of the last event in it.
func (l *load) reached(answer []byte) {
	const key = `"position":`
	for i := len(answer) - len(key); i >= 0; i-- {
		if string(answer[i:i+len(key)]) != key {
			continue
		}
		if p, ok := number(answer[i:], key); ok {
			for old := l.last.Load(); p > old && !l.last.CompareAndSwap(old, p); old = l.last.Load() {
			}
		}
		return
	}
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
