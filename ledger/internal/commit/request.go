package commit

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// A Message is to be stored once for the id in its header Nats-Msg-Id. From Append on it
// is the Committer's, which writes to its headers.
type Message struct {
	Msg  *nats.Msg
	Size int // on the wire, at most, in bytes
}

// A Receipt says what became of one message.
type Receipt struct {
	// Sequence of the message in the stream; for a duplicate that of the original, or 0
	// where the broker doesn't tell.
	Sequence uint64
	// Duplicate: a message with this id is stored already, and this one was left out.
	Duplicate bool
	// Err: the message was not stored, and why. The others of the call stand on their own.
	Err error
}

// messageOverhead is what a message in the queue costs beside its bytes.
const messageOverhead = 1024

// Append stores messages and returns when they are on disk: receipts[i] is messages[i]'s.
// It may be called by many goroutines; what they bring is committed together.
//
// An error concerns the whole call: ErrBusy and ErrTooLarge when nothing was stored;
// ErrFull, when some may be; ErrStalled, ErrClosed or ctx's error when it is unknown what
// was. ctx ends the wait of this call alone.
func (c *Committer) Append(ctx context.Context, messages []Message) ([]Receipt, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	r := newRequest(messages)
	if err := c.queue.push(r); err != nil {
		return nil, err
	}
	timer := time.NewTimer(c.cfg.Timeout)
	defer timer.Stop()
	var err error
	select {
	case <-r.done:
		return r.result()
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		if err = c.room(); err == nil {
			err = fmt.Errorf("no answer within %v: %w", c.cfg.Timeout, ErrStalled)
		}
	}
	if c.queue.withdraw(r) {
		return nil, fmt.Errorf("nothing was stored: %w", err)
	}
	select {
	case <-r.done: // it was decided while we gave up
		return r.result()
	default:
		return nil, fmt.Errorf("what was stored is unknown: %w", err)
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

// An item is one message on its way to the stream.
type item struct {
	req   *request
	index int // in the request's receipts
	msg   *nats.Msg
	size  int
}

func newRequest(messages []Message) *request {
	r := &request{
		receipts: make([]Receipt, len(messages)),
		items:    make([]item, len(messages)),
		done:     make(chan struct{}),
	}
	for i, m := range messages {
		size := m.Size + messageOverhead
		r.items[i] = item{req: r, index: i, msg: m.Msg, size: size}
		r.bytes += size
	}
	return r
}

func (it *item) id() string { return it.msg.Header[nats.MsgIdHdr][0] }

func (r *request) result() ([]Receipt, error) {
	if r.err != nil {
		return nil, r.err
	}
	return r.receipts, nil
}
