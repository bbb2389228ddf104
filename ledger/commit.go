package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
)

// The headers of an atomic batch publish.
const (
	headerBatchID  = "Nats-Batch-Id"
	headerBatchSeq = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
)

// Places for crash tests.
const (
	failBeforeCommit = "ledger.commit.before"
	failAfterCommit  = "ledger.commit.after"
)

// commitBytes bounds one batch, so that a batch of large events doesn't hold up the
// broker. A larger event travels alone.
const commitBytes = 8 << 20

// A committer is the goroutine that writes a log's events: it takes what waits, stores it
// as one batch, settles it, and takes what came meanwhile. Where a whole batch waits
// already, it is sent before the answer to the one before it has come.
type committer struct {
	log     *Log
	nc      *nats.Conn
	inbox   string
	answers chan *nats.Msg // to requests, those that were given up too
	seq     uint64         // of the last request sent: the tail of its inbox
	seqs    [][]string     // the header values "1", "2", ... of a batch
	stalled bool           // the last request got no answer in time
	few     int            // up to so many events are stored singly: see fewOnDisk

	ahead  string    // where the answer to the batch sent ahead comes, or ""
	parked *nats.Msg // that answer, if it came before its turn
}

// fewStaged and fewOnDisk are how many events an embedded server stores faster one by
// one, at a sync each, than as a batch: with batches staged in memory, and on disk, where
// a batch takes six syncs. An external server may change its leader between two of them
// and so their order: there a batch is right from two on.
const (
	fewStaged = 3
	fewOnDisk = 8
)

func newCommitter(l *Log) (*committer, error) {
	c := &committer{log: l, nc: l.write, inbox: nats.NewInbox(), answers: make(chan *nats.Msg, maxAnswers), few: 1}
	if emb := l.broker.emb; emb != nil {
		c.few = fewOnDisk
		if emb.Stage(l.id.Name) {
			c.few = fewStaged
		}
	}
	// A channel, as it also brings the word that nobody is there to answer.
	if _, err := c.nc.ChanSubscribe(c.inbox+".*", c.answers); err != nil {
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
	var current *flight
	for {
		if current == nil {
			if ctx.Err() != nil {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
			}
			if c.stalled && !c.recovered(ctx) {
				continue
			}
			items := q.take(nil, c.log.cfg.MaxBatch, commitBytes)
			if len(items) == 0 {
				continue
			}
			current = c.launch(items)
		}
		var ahead *flight
		if current.batch != "" && !c.stalled && q.full(c.log.cfg.MaxBatch) {
			ahead = c.launch(q.take(nil, c.log.cfg.MaxBatch, commitBytes))
			c.ahead = ahead.reply
		}
		c.land(ctx, current)
		current, c.ahead = ahead, ""
	}
}

// A flight is a set of items between their taking and their settling.
type flight struct {
	items    []item
	first    map[string]int // id -> index in unique
	unique   []item         // of items with the same id the first
	todo     []int          // indices in unique that have no receipt yet
	receipts []Receipt      // by index in unique
	deadline time.Time

	batch, reply string // of the batch that is sent, or ""
	err          error  // that concerns all items
}

// launch prepares a flight and sends it, if it is to go as a batch.
func (c *committer) launch(items []item) *flight {
	f := &flight{
		items:    items,
		first:    make(map[string]int, len(items)),
		unique:   make([]item, 0, len(items)),
		deadline: time.Now().Add(c.log.cfg.AppendTimeout),
	}
	for _, it := range items {
		if _, twice := f.first[it.id()]; !twice {
			f.first[it.id()] = len(f.unique)
			f.unique = append(f.unique, it)
		}
	}
	f.receipts = make([]Receipt, len(f.unique))
	f.todo = make([]int, len(f.unique))
	for i := range f.todo {
		f.todo[i] = i
	}
	if f.err = c.log.room(); f.err != nil {
		return f
	}
	if f.err = c.log.cfg.Failpoints.Hit(failBeforeCommit); f.err == nil && len(f.todo) > c.few {
		f.err = c.sendBatch(f)
	}
	return f
}

// land waits until a flight is stored, or refused, and settles its items.
func (c *committer) land(ctx context.Context, f *flight) {
	q := &c.log.queue
	if f.err == nil {
		f.err = c.store(ctx, f)
	}
	if f.err == nil {
		f.err = c.log.cfg.Failpoints.Hit(failAfterCommit)
	}
	seen := make([]bool, len(f.unique))
	for _, it := range f.items {
		if f.err != nil {
			q.settle(it, Receipt{}, f.err)
			continue
		}
		i := f.first[it.id()]
		rec := f.receipts[i]
		if seen[i] && rec.Err == nil {
			rec.Duplicate = true
		}
		seen[i] = true
		if errors.Is(rec.Err, ErrFull) || errors.Is(rec.Err, ErrStalled) {
			q.settle(it, Receipt{}, rec.Err) // it is the log that cannot, whatever the event
			continue
		}
		q.settle(it, rec, nil)
	}
}

// store brings every item of f.todo to a receipt, or returns an error that concerns them
// all. A batch that was sent is answered first.
func (c *committer) store(ctx context.Context, f *flight) error {
	for attempt := 0; len(f.todo) > 0; attempt++ {
		if f.batch == "" {
			if few := len(f.todo) <= c.few; few || attempt >= maxBatchAttempts {
				n := 1
				if few {
					n = len(f.todo)
				}
				if err := c.storeSingly(ctx, f, n); err != nil {
					return err
				}
				continue
			}
			if err := c.sendBatch(f); err != nil {
				return err
			}
		}
		ack, err := c.await(ctx, f.reply, f.deadline)
		sent := f.batch
		f.batch, f.reply = "", ""
		var refused *refusedError
		switch {
		case err == nil && (ack.Batch != sent || ack.Count != len(f.todo)):
			return fmt.Errorf("acknowledged batch %q of %d, sent %q of %d", ack.Batch, ack.Count, sent, len(f.todo))
		case err == nil:
			for k, i := range f.todo {
				f.receipts[i].Position = Position(ack.Seq - uint64(len(f.todo)-1-k))
			}
			f.todo = nil
		case !errors.As(err, &refused):
			return err
		case refused.Code == codeDuplicate:
			// Nothing was stored. Learn which ids are known, and leave them out.
			if err := c.leaveOutDuplicates(ctx, f); err != nil {
				return err
			}
		case refused.isFull():
			return fmt.Errorf("%w: %w", ErrFull, err)
		case refused.isAway():
			// Nothing was stored, and no event is to blame.
			attempt--
			if !time.Now().Before(f.deadline) {
				return fmt.Errorf("%w: %w", ErrStalled, err)
			}
			if !ask.Sleep(ctx, ask.Pause) {
				return ErrClosed
			}
		default:
			// Nothing was stored: once more, and if it goes on, one by one, so that
			// a single event cannot sink the others.
			if refused.Code == codeIncomplete {
				c.stageOnDisk()
			}
			if !ask.Sleep(ctx, time.Duration(attempt+1)*5*time.Millisecond) {
				return ErrClosed
			}
		}
	}
	return nil
}

// maxBatchAttempts is how often a batch is tried before its events go one by one.
const maxBatchAttempts = 3

// stageOnDisk gives up the staging in memory, where it has failed: it may have run out of
// room, or someone may have removed it.
func (c *committer) stageOnDisk() {
	if c.few != fewStaged {
		return
	}
	c.log.log.Warn("batches are staged on disk from now on, which is slower")
	if err := c.log.broker.emb.Unstage(c.log.id.Name); err != nil {
		c.log.log.Warn("the staging in memory cannot be given up", "error", err)
	}
	c.few = fewOnDisk
}

// sendBatch sends the items of f.todo, to be stored all or none, in that order.
func (c *committer) sendBatch(f *flight) error {
	batch, commit := []string{newToken()}, []string{"1"}
	for k, i := range f.todo {
		m := f.unique[i].msg
		m.Header[headerBatchID] = batch
		m.Header[headerBatchSeq] = c.batchSeq(k)
		delete(m.Header, headerCommit)
		m.Reply = ""
		if k == len(f.todo)-1 {
			m.Header[headerCommit] = commit
			m.Reply = c.nextReply()
			f.reply = m.Reply
		}
		if err := c.nc.PublishMsg(m); err != nil {
			return c.unsent(err)
		}
	}
	f.batch = batch[0]
	return nil
}

// batchSeq returns the header value of the k-th event of a batch. The values are shared
// and never written.
func (c *committer) batchSeq(k int) []string {
	for n := len(c.seqs); n <= k; n++ {
		c.seqs = append(c.seqs, []string{strconv.Itoa(n + 1)})
	}
	return c.seqs[k]
}

// storeSingly stores the first n items of f.todo each by itself, without waiting between
// them. Those that should be tried again stay in f.todo.
func (c *committer) storeSingly(ctx context.Context, f *flight, n int) error {
	replies := make([]string, n)
	for k, i := range f.todo[:n] {
		m := f.unique[i].msg
		delete(m.Header, headerBatchID)
		delete(m.Header, headerBatchSeq)
		delete(m.Header, headerCommit)
		m.Reply = c.nextReply()
		replies[k] = m.Reply
		if err := c.nc.PublishMsg(m); err != nil {
			return c.unsent(err)
		}
	}
	var left []int
	for k, i := range f.todo[:n] {
		ack, err := c.await(ctx, replies[k], f.deadline)
		rec, id := &f.receipts[i], f.unique[i].id()
		var refused *refusedError
		switch {
		case err == nil:
			*rec = Receipt{Position: Position(ack.Seq), Duplicate: ack.Duplicate}
		case !errors.As(err, &refused):
			return err
		case refused.isPassing() && time.Now().Before(f.deadline):
			left = append(left, i)
		case refused.isPassing():
			rec.Err = fmt.Errorf("%w: %w", ErrStalled, err)
		case refused.isFull():
			rec.Err = fmt.Errorf("%w: %w", ErrFull, err)
		case refused.Code == codeTooBig:
			rec.Err = fmt.Errorf("id %q: %w: %w", id, ErrTooLarge, err)
		default:
			rec.Err = fmt.Errorf("id %q: %w", id, err)
		}
	}
	f.todo = append(left, f.todo[n:]...)
	if len(left) > 0 && !ask.Sleep(ctx, ask.Pause) {
		return ErrClosed
	}
	return nil
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

// newToken returns a string that nobody else makes.
func newToken() string { return strings.TrimPrefix(nats.NewInbox(), nats.InboxPrefix) }
