package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/perennial-ml/perennial/internal/failpoint"
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

// Failpoints lists the places of this package at which a crash test may break it.
func Failpoints() []string { return []string{failBeforeCommit, failAfterCommit} }

// commitBytes bounds one batch, so that a batch of large messages doesn't hold up the
// broker. A larger message travels alone.
const commitBytes = 8 << 20

// A Config says what to commit to, and how.
type Config struct {
	Stream     string
	Subject    string        // one that the stream takes; questions about ids go there
	QueueBytes int           // of messages that wait; more are refused
	MaxBatch   int           // messages in one commit
	Timeout    time.Duration // for an answer, and of a call
	Embedded   Embedded      // nil for an external server
	// Room says before each commit why there is no room for it. Nil: there always is.
	Room       func() error
	Failpoints *failpoint.Set // nil does nothing
}

// Embedded is a server in this process, as far as it matters to a commit's cost.
type Embedded interface {
	// Stage has batches for a stream go through memory, and reports whether they do.
	Stage(stream string) bool
	// Unstage has them go through the disk from now on.
	Unstage(stream string) error
}

// A Committer writes to a stream, and is the only one that does. Its goroutine, Run, takes
// what waits, stores it as one batch, settles it, and takes what came meanwhile. Where a
// whole batch waits already, it is sent before the answer to the one before it has come.
type Committer struct {
	cfg     Config
	log     *slog.Logger
	queue   queue
	nc      *nats.Conn
	inbox   string
	answers chan *nats.Msg // to requests, those that were given up too
	seq     uint64         // of the last request sent: the tail of its inbox
	seqs    [][]string     // the header values "1", "2", ... of a batch
	stalled bool           // the last request got no answer in time
	few     int            // up to so many messages are stored singly: see fewOnDisk

	ahead  string    // where the answer to the batch sent ahead comes, or ""
	parked *nats.Msg // that answer, if it came before its turn
}

// fewStaged and fewOnDisk are how many messages an embedded server stores faster one by
// one, at a sync each, than as a batch: with batches staged in memory, and on disk, where
// a batch takes six syncs. An external server may change its leader between two of them
// and so their order: there a batch is right from two on.
const (
	fewStaged = 3
	fewOnDisk = 8
)

// New returns a Committer whose Run is yet to be started. nc should bring nothing but its
// answers, which would wait behind the rest.
func New(nc *nats.Conn, cfg Config, log *slog.Logger) (*Committer, error) {
	c := &Committer{cfg: cfg, log: log, nc: nc, inbox: nats.NewInbox(), answers: make(chan *nats.Msg, maxAnswers), few: 1}
	c.queue.init(cfg.QueueBytes)
	if cfg.Embedded != nil {
		c.few = fewOnDisk
		if cfg.Embedded.Stage(cfg.Stream) {
			c.few = fewStaged
		}
	}
	// A channel, as it also brings the word that nobody is there to answer.
	if _, err := c.nc.ChanSubscribe(c.inbox+".*", c.answers); err != nil {
		return nil, fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	return c, nil
}

// Run commits until ctx ends, and then settles what is left with ErrClosed. It is called
// once.
func (c *Committer) Run(ctx context.Context) {
	q := &c.queue
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
			items := q.take(nil, c.cfg.MaxBatch, commitBytes)
			if len(items) == 0 {
				continue
			}
			current = c.launch(items)
		}
		var ahead *flight
		if current.batch != "" && !c.stalled && q.full(c.cfg.MaxBatch) {
			ahead = c.launch(q.take(nil, c.cfg.MaxBatch, commitBytes))
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
func (c *Committer) launch(items []item) *flight {
	f := &flight{
		items:    items,
		first:    make(map[string]int, len(items)),
		unique:   make([]item, 0, len(items)),
		deadline: time.Now().Add(c.cfg.Timeout),
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
	if f.err = c.room(); f.err != nil {
		return f
	}
	if f.err = c.cfg.Failpoints.Hit(failBeforeCommit); f.err == nil && len(f.todo) > c.few {
		f.err = c.sendBatch(f)
	}
	return f
}

// land waits until a flight is stored, or refused, and settles its items.
func (c *Committer) land(ctx context.Context, f *flight) {
	q := &c.queue
	if f.err == nil {
		f.err = c.store(ctx, f)
	}
	if f.err == nil {
		f.err = c.cfg.Failpoints.Hit(failAfterCommit)
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

// room is Config.Room's answer.
func (c *Committer) room() error {
	if c.cfg.Room == nil {
		return nil
	}
	return c.cfg.Room()
}

// store brings every item of f.todo to a receipt, or returns an error that concerns them
// all. A batch that was sent is answered first.
func (c *Committer) store(ctx context.Context, f *flight) error {
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
				f.receipts[i].Sequence = ack.Seq - uint64(len(f.todo)-1-k)
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
			// Nothing was stored, and no message is to blame.
			attempt--
			if !time.Now().Before(f.deadline) {
				return fmt.Errorf("%w: %w", ErrStalled, err)
			}
			if !ask.Sleep(ctx, ask.Pause) {
				return ErrClosed
			}
		default:
			// Nothing was stored: once more, and if it goes on, one by one, so that
			// a single message cannot sink the others.
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

// maxBatchAttempts is how often a batch is tried before its messages go one by one.
const maxBatchAttempts = 3

// stageOnDisk gives up the staging in memory, where it has failed: it may have run out of
// room, or someone may have removed it.
func (c *Committer) stageOnDisk() {
	if c.few != fewStaged {
		return
	}
	c.log.Warn("batches are staged on disk from now on, which is slower")
	if err := c.cfg.Embedded.Unstage(c.cfg.Stream); err != nil {
		c.log.Warn("the staging in memory cannot be given up", "error", err)
	}
	c.few = fewOnDisk
}

// sendBatch sends the items of f.todo, to be stored all or none, in that order.
func (c *Committer) sendBatch(f *flight) error {
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

// batchSeq returns the header value of the k-th message of a batch. The values are shared
// and never written.
func (c *Committer) batchSeq(k int) []string {
	for n := len(c.seqs); n <= k; n++ {
		c.seqs = append(c.seqs, []string{strconv.Itoa(n + 1)})
	}
	return c.seqs[k]
}

// storeSingly stores the first n items of f.todo each by itself, without waiting between
// them. Those that should be tried again stay in f.todo.
func (c *Committer) storeSingly(ctx context.Context, f *flight, n int) error {
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
			*rec = Receipt{Sequence: ack.Seq, Duplicate: ack.Duplicate}
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

func (c *Committer) nextReply() string {
	c.seq++
	return c.inbox + "." + strconv.FormatUint(c.seq, 10)
}

// unsent wraps the error of a publish that failed on our side. The connection is down,
// or the message can never be sent; either way nothing of the batch will be stored, as
// its commit was not sent.
func (c *Committer) unsent(err error) error {
	return fmt.Errorf("send to the log: %w: %w", ErrStalled, err)
}

// newToken returns a string that nobody else makes.
func newToken() string { return strings.TrimPrefix(nats.NewInbox(), nats.InboxPrefix) }
