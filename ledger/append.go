package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/perennial-ml/perennial/feedback"
)

// A Receipt says what became of one event.
type Receipt struct {
	// Position of the record; for a duplicate that of the original, or 0 where the
	// broker doesn't tell.
	Position Position
	// Duplicate: an event with this id is stored already, and this one was left out.
	Duplicate bool
	// Err: the event was not stored, and why (ErrTooLarge, ErrUnstorable, or the
	// broker's refusal). The other events of the call stand on their own.
	Err error
}

// Append stores events and returns when they are on disk: receipts[i] is events[i]'s.
// It may be called by many goroutines; what they bring is committed together.
//
// If some events alone were refused, Append returns all the receipts and an error that
// joins theirs. Without receipts, the error concerns the whole call: ErrBusy and
// ErrTooLarge when nothing was stored; ErrFull, when some may be; ErrStalled, ErrClosed
// or ctx's error when it is unknown what was. Then a retry with the same ids, within the
// duplicate window, stores what is missing and nothing twice. ctx ends the wait of this
// call alone.
func (l *Log) Append(ctx context.Context, events []feedback.Event) ([]Receipt, error) {
	if len(events) == 0 {
		return nil, nil
	}
	r := &request{
		receipts: make([]Receipt, len(events)),
		items:    make([]item, 0, len(events)),
		done:     make(chan struct{}),
	}
	for i := range events {
		msg, size, err := encode(l.model, &events[i], l.limit)
		if err != nil {
			r.receipts[i].Err = fmt.Errorf("event %d, id %q: %w", i, events[i].ID, err)
			continue
		}
		size += itemOverhead
		r.items = append(r.items, item{req: r, index: i, msg: msg, size: size})
		r.bytes += size
	}
	if len(r.items) == 0 {
		return r.result()
	}
	if err := l.queue.push(r); err != nil {
		return nil, fmt.Errorf("append %d events: %w", len(events), err)
	}
	timer := time.NewTimer(l.cfg.AppendTimeout)
	defer timer.Stop()
	var err error
	select {
	case <-r.done:
		return r.result()
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		if err = l.room(); err == nil {
			err = fmt.Errorf("no answer within %v: %w", l.cfg.AppendTimeout, ErrStalled)
		}
	}
	if l.queue.withdraw(r) {
		return nil, fmt.Errorf("append %d events: nothing was stored: %w", len(events), err)
	}
	select {
	case <-r.done: // it was decided while we gave up
		return r.result()
	default:
		return nil, fmt.Errorf("append %d events: what was stored is unknown: %w", len(events), err)
	}
}

// A request is one call of Append. The committer owns receipts and err until it closes
// done; nobody writes them afterwards.
type request struct {
	items    []item
	bytes    int
	taken    bool // the committer has items of it, or had
	receipts []Receipt
	err      error // of the whole call
	open     int   // items that the committer has still to settle
	done     chan struct{}
}

// An item is one event on its way to the log.
type item struct {
	req   *request
	index int // in the request's receipts
	msg   *nats.Msg
	size  int
}

func (it *item) id() string { return it.msg.Header[headerMsgID][0] }

func (r *request) result() ([]Receipt, error) {
	if r.err != nil {
		return nil, fmt.Errorf("append %d events: %w", len(r.receipts), r.err)
	}
	var errs []error
	for i := range r.receipts {
		if err := r.receipts[i].Err; err != nil {
			errs = append(errs, err)
		}
	}
	return r.receipts, errors.Join(errs...)
}
