package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// The headers of an atomic batch publish.
const (
	headerBatchID  = "Nats-Batch-Id"
	headerBatchSeq = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
)

// The broker's answers that decide what the committer does next.
const (
	codeIncomplete     = 10176 // a message of the batch did not arrive; nothing was stored
	codeTooManyBatches = 10210
	codeDuplicate      = 10201 // the batch has an id that is stored already; nothing was stored
	codeInProcess      = 10158 // the same id is being stored at this moment (replicated)
	codeStoreFailed    = 10077 // limits: messages, bytes
	codeNoResources    = 10023
	codeNoAccount      = 10002
	codeTooBig         = 10054
)

// Places for crash tests.
const (
	failBeforeCommit = "ledger.commit.before"
	failAfterCommit  = "ledger.commit.after"
)

// commitBytes bounds one batch, so that a batch of large events doesn't hold up the
// broker. A larger event travels alone.
const commitBytes = 8 << 20

// A committer is the goroutine that writes a log's events: it takes what waits, stores
// it as one batch, settles it, and takes what came meanwhile.
type committer struct {
	log     *Log
	nc      *nats.Conn
	inbox   string
	sub     *nats.Subscription
	seq     uint64 // of the last request sent: the tail of its inbox
	stalled bool   // the last request got no answer in time
	few     int    // up to so many events are stored singly: see fewEmbedded
	items   []item
	unique  []item
}

func newCommitter(l *Log) (*committer, error) {
	c := &committer{log: l, nc: l.write, inbox: nats.NewInbox(), few: 1}
	if l.broker.emb != nil {
		c.few = fewEmbedded
	}
	var err error
	if c.sub, err = c.nc.SubscribeSync(c.inbox + ".*"); err != nil {
		return nil, fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	return c, nil
}

// run commits until ctx ends, and then settles what is left with ErrClosed.
func (c *committer) run(ctx context.Context) {
	q := &c.log.queue
	defer func() {
		for _, it := range q.close() {
			q.settle(it, Receipt{}, ErrClosed)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		if c.stalled && !c.recovered(ctx) {
			continue
		}
		c.items = q.take(c.items[:0], c.log.cfg.MaxBatch, commitBytes)
		if len(c.items) > 0 {
			c.commit(ctx, c.items)
		}
		clear(c.items)
		clear(c.unique)
	}
}

// commit stores items and settles every one of them. Of items with the same id the
// first stands for all.
func (c *committer) commit(ctx context.Context, items []item) {
	q := &c.log.queue
	first := make(map[string]int, len(items))
	c.unique = c.unique[:0]
	for _, it := range items {
		if _, twice := first[it.id()]; !twice {
			first[it.id()] = len(c.unique)
			c.unique = append(c.unique, it)
		}
	}
	// settled[i] is c.unique[i]'s outcome.
	settled, err := c.store(ctx, c.unique)
	if err != nil {
		for _, it := range items {
			q.settle(it, Receipt{}, err)
		}
		return
	}
	seen := make([]bool, len(c.unique))
	for _, it := range items {
		i := first[it.id()]
		rec := settled[i]
		if seen[i] && rec.Err == nil {
			rec.Duplicate = true
		}
		seen[i] = true
		q.settle(it, rec, nil)
	}
}

// store writes items, whose ids differ, and returns a receipt for each; or an error
// that concerns them all.
func (c *committer) store(ctx context.Context, items []item) ([]Receipt, error) {
	receipts := make([]Receipt, len(items))
	todo := make([]int, len(items)) // indices that are not settled
	for i := range items {
		todo[i] = i
	}
	if err := c.log.cfg.Failpoints.Hit(failBeforeCommit); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(c.log.cfg.AppendTimeout)
	for attempt := 0; len(todo) > 0; attempt++ {
		var ack pubAck
		var err error
		if few := len(todo) <= c.few; few || attempt >= maxBatchAttempts {
			now := todo[:1]
			if few {
				now = todo
			}
			left, err := c.storeSingly(ctx, items, now, receipts, deadline)
			if err != nil {
				return nil, err
			}
			todo = append(left, todo[len(now):]...)
			continue
		}
		ack, err = c.publishBatch(ctx, items, todo, deadline)
		var refused *refusedError
		switch {
		case err == nil:
			for k, i := range todo {
				receipts[i].Position = Position(ack.Seq - uint64(len(todo)-1-k))
			}
			todo = todo[:0]
		case errors.As(err, &refused) && refused.Code == codeDuplicate:
			// Nothing was stored. Learn which ids are known, and leave them out.
			if todo, err = c.leaveOutDuplicates(ctx, items, todo, receipts, deadline); err != nil {
				return nil, err
			}
		case errors.As(err, &refused) && refused.isFull():
			return nil, fmt.Errorf("%w: %w", ErrFull, err)
		case errors.As(err, &refused):
			// Nothing was stored: once more, and if it goes on, one by one, so that
			// a single event cannot sink the others.
			if !sleep(ctx, time.Duration(attempt+1)*5*time.Millisecond) {
				return nil, ErrClosed
			}
		default:
			return nil, err
		}
	}
	if err := c.log.cfg.Failpoints.Hit(failAfterCommit); err != nil {
		return nil, err
	}
	return receipts, nil
}

// fewEmbedded is how many events an embedded server stores faster one by one, at a sync
// each, than as a batch, which costs it some ten syncs however small. An external server
// may change its leader between two of them and so their order: there a batch is right
// from two on.
const fewEmbedded = 8

// maxBatchAttempts is how often a batch is tried before its events go one by one.
const maxBatchAttempts = 3

// publishBatch stores items[i] for each i of todo, all or none, in that order.
func (c *committer) publishBatch(ctx context.Context, items []item, todo []int, deadline time.Time) (pubAck, error) {
	batch := []string{newToken()}
	commit := []string{"1"}
	for k, i := range todo {
		m := items[i].msg
		m.Header[headerBatchID] = batch
		m.Header[headerBatchSeq] = []string{strconv.Itoa(k + 1)}
		delete(m.Header, headerCommit)
		m.Reply = ""
		if k == len(todo)-1 {
			m.Header[headerCommit] = commit
			m.Reply = c.nextReply()
		}
		if err := c.nc.PublishMsg(m); err != nil {
			return pubAck{}, c.unsent(err)
		}
	}
	ack, err := c.await(ctx, items[todo[len(todo)-1]].msg.Reply, deadline)
	if err == nil && (ack.Batch != batch[0] || ack.Count != len(todo)) {
		return pubAck{}, fmt.Errorf("acknowledged batch %q of %d, sent %q of %d", ack.Batch, ack.Count, batch[0], len(todo))
	}
	return ack, err
}

// storeSingly stores items[i] for each i of todo by itself, without waiting between
// them, and returns what is left to try again.
func (c *committer) storeSingly(ctx context.Context, items []item, todo []int, receipts []Receipt, deadline time.Time) ([]int, error) {
	replies := make([]string, len(todo))
	for k, i := range todo {
		m := items[i].msg
		delete(m.Header, headerBatchID)
		delete(m.Header, headerBatchSeq)
		delete(m.Header, headerCommit)
		m.Reply = c.nextReply()
		replies[k] = m.Reply
		if err := c.nc.PublishMsg(m); err != nil {
			return nil, c.unsent(err)
		}
	}
	var left []int
	for k, i := range todo {
		ack, err := c.await(ctx, replies[k], deadline)
		var refused *refusedError
		switch {
		case err == nil:
			receipts[i] = Receipt{Position: Position(ack.Seq), Duplicate: ack.Duplicate}
		case !errors.As(err, &refused):
			return nil, err
		case refused.isPassing() && time.Now().Before(deadline):
			left = append(left, i)
		case refused.isFull():
			receipts[i].Err = fmt.Errorf("id %q: %w: %w", items[i].id(), ErrFull, err)
		case refused.Code == codeTooBig:
			receipts[i].Err = fmt.Errorf("id %q: %w: %w", items[i].id(), ErrTooLarge, err)
		default:
			receipts[i].Err = fmt.Errorf("id %q: %w", items[i].id(), err)
		}
	}
	if len(left) > 0 && !sleep(ctx, 20*time.Millisecond) {
		return nil, ErrClosed
	}
	return left, nil
}

func (c *committer) nextReply() string {
	c.seq++
	return c.inbox + "." + strconv.FormatUint(c.seq, 10)
}

// unsent wraps the error of a publish that failed on our side. The connection is down,
// or the message can never be sent; either way nothing of the batch will be stored, as
// its commit was not sent.
func (c *committer) unsent(err error) error {
	return fmt.Errorf("send to the log: %w: %w", ErrStalled, err)
}

// await returns the answer that comes to reply, or ErrStalled at the deadline. Answers
// come in the order of the requests.
func (c *committer) await(ctx context.Context, reply string, deadline time.Time) (pubAck, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for {
		m, err := c.sub.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			c.stalled = true
			return pubAck{}, fmt.Errorf("no acknowledgement within %v: %w", c.log.cfg.AppendTimeout, ErrStalled)
		case err != nil:
			return pubAck{}, fmt.Errorf("wait for acknowledgement: %w: %w", ErrClosed, err)
		case m.Subject != reply:
			continue // an answer to a request that was given up
		}
		return parseAck(m)
	}
}

// recovered waits until the broker, having left a request unanswered, answers again.
// Meanwhile nothing is sent but one question for each AppendTimeout, so that a stalled
// broker's queues do not grow. It reports false if ctx ended or the wait must go on.
func (c *committer) recovered(ctx context.Context) bool {
	known, err := c.known(ctx, []string{newToken()}, time.Now().Add(c.log.cfg.AppendTimeout))
	if err == nil && len(known) == 1 {
		c.stalled = false
		c.log.log.Info("the log answers again")
		return true
	}
	c.log.queue.signal()
	sleep(ctx, 50*time.Millisecond)
	return false
}

// newToken returns a string that nobody else makes.
func newToken() string { return strings.TrimPrefix(nats.NewInbox(), nats.InboxPrefix) }

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// A pubAck is the broker's answer to a stored message or batch.
type pubAck struct {
	Stream    string        `json:"stream"`
	Seq       uint64        `json:"seq"`
	Duplicate bool          `json:"duplicate"`
	Batch     string        `json:"batch"`
	Count     int           `json:"count"`
	Error     *refusedError `json:"error"`
}

// A refusedError is the broker's refusal: nothing of the request was stored.
type refusedError struct {
	Status      int    `json:"code"`
	Code        int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("refused by the broker: %s (%d)", e.Description, e.Code)
}

func (e *refusedError) isFull() bool {
	return e.Code == codeStoreFailed || e.Code == codeNoResources || e.Code == codeNoAccount
}

// isPassing: the same request may succeed in a moment.
func (e *refusedError) isPassing() bool {
	return e.Code == codeIncomplete || e.Code == codeTooManyBatches || e.Code == codeInProcess || e.Status == 503
}

func parseAck(m *nats.Msg) (pubAck, error) {
	if m.Header.Get("Status") == "503" {
		return pubAck{}, &refusedError{Status: 503, Description: "no stream takes the event's subject"}
	}
	var ack pubAck
	if err := json.Unmarshal(m.Data, &ack); err != nil {
		return pubAck{}, fmt.Errorf("acknowledgement %.100q: %w", m.Data, err)
	}
	if ack.Error != nil {
		return pubAck{}, ack.Error
	}
	if ack.Seq == 0 {
		return pubAck{}, fmt.Errorf("acknowledgement %.100q: has no sequence", m.Data)
	}
	return ack, nil
}
