package ledger

import (
	"context"
	"fmt"
	"time"
)

// A Scan follows a log from a position on, in order, without end. One goroutine.
type Scan struct {
	log     *Log
	cursor  cursor
	stopped bool
}

// Scan begins at from (0 and 1 both mean the first record). It uses the consumer that
// Config.Consumer names and takes it over: a Scan that used it before gets ErrReplaced.
// Stop it when done.
func (l *Log) Scan(ctx context.Context, from Position) (*Scan, error) {
	info, err := l.info(ctx)
	if err != nil {
		return nil, err
	}
	s := &Scan{log: l, cursor: l.cursor(l.cfg.Consumer, from)}
	// A consumer whose server is gone has no owner that anyone could tell: one that others
	// know lies on as many as the log.
	s.cursor.shared, s.cursor.copies = true, info.Config.Replicas
	if err := s.cursor.open(ctx); err != nil {
		s.cursor.drop()
		return nil, fmt.Errorf("scan log %s from %d: %w", l.id.Name, from, err)
	}
	return s, nil
}

func (l *Log) cursor(name string, from Position) cursor {
	return cursor{
		nc:      l.read,
		js:      l.js,
		stream:  l.id.Name,
		created: l.id.Created,
		name:    name,
		owner:   newToken(),
		copies:  1,
		log:     l.log,
		// A pull must have room for the largest record, or it would never come.
		bytes: max(l.cfg.PullBytes, l.limit+64<<10),
		last:  max(from, 1) - 1,
	}
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
		raw, ok, err := s.cursor.next(ctx, scanIdle)
		if err != nil {
			return Raw{}, fmt.Errorf("scan log %s after %d: %w", s.log.id.Name, s.cursor.last, err)
		}
		if ok {
			return raw, nil
		}
	}
}

// Pending is how many records lay in the log after the last one that Next returned, when
// the broker sent that one.
func (s *Scan) Pending() uint64 { return s.cursor.pending }

// Stop ends the Scan and removes its consumer. It may be called more than once.
func (s *Scan) Stop() {
	if !s.stopped {
		s.stopped = true
		s.cursor.close()
	}
}
