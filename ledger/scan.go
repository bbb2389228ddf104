package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
	"github.com/perennial-ml/perennial/ledger/internal/cursor"
)

// A Scan follows a log from a position on, in order, without end. One goroutine.
type Scan struct {
	log     *Log
	cursor  *cursor.Cursor
	stopped bool
}

// Scan begins at from (0 and 1 both mean the first record). It uses the consumer that
// Config.Consumer names and takes it over: a Scan that used it before gets ErrReplaced.
// Stop it when done.
func (l *Log) Scan(ctx context.Context, from Position) (*Scan, error) {
	info, err := ask.Insist(ctx, l.info)
	if err != nil {
		return nil, err
	}
	s := &Scan{log: l, cursor: l.cursor(cursor.Config{
		Stream:   l.id.Name,
		Created:  l.id.Created,
		After:    uint64(max(from, 1) - 1),
		Consumer: l.cfg.Consumer,
		// A consumer whose server is gone has no owner that anyone could tell: one that
		// others know lies on as many as the log.
		Replicas: info.Config.Replicas,
	})}
	if err := s.cursor.Open(ctx); err != nil {
		return nil, fmt.Errorf("scan log %s from %d: %w", l.id.Name, from, closedOr(err))
	}
	return s, nil
}

func (l *Log) cursor(cfg cursor.Config) *cursor.Cursor {
	// A pull must have room for the largest record, or it would never come.
	cfg.Bytes = max(l.cfg.PullBytes, l.limit+64<<10)
	return cursor.New(l.read, l.js, cfg, l.log)
}

// closedOr says of a reader whose connection was closed that the log was.
func closedOr(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}

// scanIdle is how often a Scan that gets nothing looks whether it still can.
const scanIdle = 500 * time.Millisecond

// Next returns the next record, and waits for one. Positions grow; a position that is
// left out is one that was erased, or was never stored. It returns ctx's error when ctx
// ends, after which Next may be called again, ErrReplaced when another Scan took over,
// and ErrClosed after Stop or when the Broker is closed.
func (s *Scan) Next(ctx context.Context) (Raw, error) {
	for {
		if s.stopped || s.log.closing.Err() != nil {
			return Raw{}, fmt.Errorf("scan log %s: %w", s.log.id.Name, ErrClosed)
		}
		m, ok, err := s.cursor.Next(ctx, scanIdle)
		if err != nil {
			return Raw{}, fmt.Errorf("scan log %s after %d: %w", s.log.id.Name, s.cursor.Last(), closedOr(err))
		}
		if ok {
			return rawOf(m), nil
		}
	}
}

// Pending is how many records lay in the log after the last one that Next returned, when
// the broker sent that one.
func (s *Scan) Pending() uint64 { return s.cursor.Pending() }

// Stop ends the Scan and removes its consumer. It may be called more than once.
func (s *Scan) Stop() {
	if !s.stopped {
		s.stopped = true
		s.cursor.Close()
	}
}
