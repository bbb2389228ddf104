package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// leaveOutDuplicates settles those items of todo that the broker knows as duplicates,
// and returns the rest.
func (c *committer) leaveOutDuplicates(ctx context.Context, items []item, todo []int, receipts []Receipt, deadline time.Time) ([]int, error) {
	ids := make([]string, len(todo))
	for k, i := range todo {
		ids[k] = items[i].id()
	}
	known, err := c.known(ctx, ids, deadline)
	if err != nil {
		return nil, err
	}
	rest := todo[:0]
	for k, i := range todo {
		if known[k] == 0 {
			rest = append(rest, i)
			continue
		}
		receipts[i] = Receipt{Position: known[k], Duplicate: true}
	}
	return rest, nil
}

// known returns, for each id, the position of the record that the broker remembers under
// it, or 0.
func (c *committer) known(ctx context.Context, ids []string, deadline time.Time) ([]Position, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	subject := eventSubjects(c.log.model)[0]
	awaited := make(map[string]int, len(ids)) // reply subject -> index
	for k, id := range ids {
		m := &nats.Msg{Subject: subject, Reply: c.nextReply(), Header: nats.Header{
			headerMsgID:  {id},
			headerRollup: {impossibleRollup},
		}}
		awaited[m.Reply] = k
		if err := c.nc.PublishMsg(m); err != nil {
			return nil, c.unsent(err)
		}
	}
	known := make([]Position, len(ids))
	for len(awaited) > 0 {
		m, err := c.sub.NextMsgWithContext(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			c.stalled = true
			return nil, fmt.Errorf("no answer about duplicates: %w", ErrStalled)
		}
		if err != nil {
			return nil, fmt.Errorf("ask about duplicates: %w: %w", ErrClosed, err)
		}
		k, ok := awaited[m.Subject]
		if !ok || !strings.HasPrefix(m.Subject, c.inbox) {
			continue
		}
		delete(awaited, m.Subject)
		ack, err := parseAck(m)
		var refused *refusedError
		switch {
		case err == nil && ack.Duplicate:
			known[k] = Position(ack.Seq)
		case err == nil:
			return nil, fmt.Errorf("the broker stored a question about id %q at %d", ids[k], ack.Seq)
		case errors.As(err, &refused) && (refused.Code == codeRollup || refused.Code == codeInProcess):
		default:
			return nil, fmt.Errorf("ask about id %q: %w", ids[k], err)
		}
	}
	return known, nil
}
