package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/perennial-ml/perennial/internal/failpoint"
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
