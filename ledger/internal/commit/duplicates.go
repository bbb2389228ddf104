package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// The broker refuses a whole batch for one id that it knows, and doesn't say which one.
// To learn it, each id is asked about with an empty message that can never be stored: it
// carries a rollup of a kind that doesn't exist, which the broker looks at only after the
// id. A known id is answered with the original's sequence, an unknown one with the
// refusal of the rollup. Nothing is written, so a thousand questions cost some
// milliseconds.
const (
	headerRollup     = "Nats-Rollup"
	impossibleRollup = "question"
	codeRollup       = 10111
)

// leaveOutDuplicates gives a receipt to those items of f.todo that the broker knows, and
// leaves the others to do.
func (c *Committer) leaveOutDuplicates(ctx context.Context, f *flight) error {
	ids := make([]string, len(f.todo))
	for k, i := range f.todo {
		ids[k] = f.unique[i].id()
	}
	known, err := c.known(ctx, ids, f.deadline)
	if err != nil {
		return err
	}
	rest := f.todo[:0]
	for k, i := range f.todo {
		if known[k] == 0 {
			rest = append(rest, i)
			continue
		}
		f.receipts[i] = Receipt{Sequence: known[k], Duplicate: true}
	}
	f.todo = rest
	return nil
}

// known returns, for each id, the position of the record that the broker remembers under
// it, or 0.
func (c *Committer) known(ctx context.Context, ids []string, deadline time.Time) ([]uint64, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	subject := c.cfg.Subject
	awaited := make(map[string]int, len(ids)) // reply subject -> index
	for k, id := range ids {
		m := &nats.Msg{Subject: subject, Reply: c.nextReply(), Header: nats.Header{
			nats.MsgIdHdr: {id},
			headerRollup:  {impossibleRollup},
		}}
		awaited[m.Reply] = k
		if err := c.nc.PublishMsg(m); err != nil {
			return nil, c.unsent(err)
		}
	}
	known := make([]uint64, len(ids))
	for len(awaited) > 0 {
		m, err := c.receive(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask about duplicates: %w", err)
		}
		k, ok := awaited[m.Subject]
		if !ok {
			continue // an answer to a request that was given up
		}
		delete(awaited, m.Subject)
		ack, err := parseAck(m)
		var refused *refusedError
		switch {
		case err == nil && ack.Duplicate:
			known[k] = ack.Seq
		case err == nil:
			return nil, fmt.Errorf("the broker stored a question about id %q at %d", ids[k], ack.Seq)
		case errors.As(err, &refused) && (refused.Code == codeRollup || refused.Code == codeInProcess):
		case errors.As(err, &refused) && refused.isPassing():
			return nil, fmt.Errorf("ask about duplicates: %w: %w", ErrStalled, err)
		default:
			return nil, fmt.Errorf("ask about id %q: %w", ids[k], err)
		}
	}
	return known, nil
}
