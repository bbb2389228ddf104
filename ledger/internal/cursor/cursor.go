package cursor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
)

const (
	// pullMessages is the most messages in one pull.
	pullMessages = 4096
	// pullsAhead is how many pulls are under way, so that one arrives while the
	// other is read.
	pullsAhead = 2
	// pullExpires is how long a pull waits at the broker for messages.
	pullExpires = 30 * time.Second
	// pullHeartbeat is how often the broker says that a waiting pull still waits, and
	// pullSilence how long nothing may come before it is taken for lost.
	pullHeartbeat = time.Second
	pullSilence   = 3 * time.Second
	// consumerIdle is when the broker drops a consumer that nobody reads.
	consumerIdle = 2 * time.Minute

	// ownerKey in a consumer's metadata says which scan made it.
	ownerKey = "perennial.scan"
)

var (
	// ErrReplaced: another cursor took over this one's consumer.
	ErrReplaced = errors.New("another scan took over")
	// ErrRecreated: the stream is another one than the reader knew.
	ErrRecreated = errors.New("the log was re-created since the checkpoint")
	// errLost says that the incarnation cannot go on.
	errLost = errors.New("a delivery was lost")
)

// A Config says what to read, and as whom.
type Config struct {
	Stream  string
	Created time.Time // of the stream; another stream of that name is not read on
	Filter  string    // subject, or "" for all
	After   uint64    // sequence; 0 to begin with the first message
	Bytes   int       // of one pull; room for the stream's largest message, or it never comes

	// Consumer names one that others know and may take over; "" makes one that this
	// cursor has to itself.
	Consumer string
	Replicas int // of a consumer with a name
}

// A Cursor reads a stream in order through a consumer that acknowledges nothing. The
// broker numbers what it delivers, gaps of deleted messages left out: a number that is
// not the next one proves that a delivery was lost, and then the cursor makes its
// consumer anew, after the last message that was right. One goroutine.
type Cursor struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	cfg     Config
	log     *slog.Logger
	name    string // of the consumer
	owner   string // this cursor, for ever; told from another that uses the same name
	last    uint64
	pending uint64 // messages after last that the broker knew of when it sent last

	// One incarnation of the consumer; a new one gets its own inbox, so that what was
	// sent to the old one cannot arrive here.
	inbox      string
	sub        *nats.Subscription
	arrivals   chan *nats.Msg
	consumer   uint64 // number of the last delivery
	pulls      []pull // under way, oldest first; the broker serves them in order
	pullSeq    uint64
	heard      time.Time
	reconnects uint64
	broken     bool // the incarnation is lost, and making a new one failed so far
}

type pull struct {
	reply string
	left  int
}

// New returns a cursor that is yet to be opened. js asks over nc, which brings what is
// delivered; both outlive the cursor.
func New(nc *nats.Conn, js jetstream.JetStream, cfg Config, log *slog.Logger) *Cursor {
	c := &Cursor{nc: nc, js: js, cfg: cfg, log: log, name: cfg.Consumer, owner: nuid.Next(), last: cfg.After}
	if !c.shared() {
		c.name, c.cfg.Replicas = ownName(), 1
	}
	return c
}

func (c *Cursor) shared() bool { return c.cfg.Consumer != "" }

// ownName names a consumer that one cursor has to itself.
func ownName() string { return "range-" + nuid.Next() }

// Last is the sequence of the last message that Next returned; Config.After before that.
func (c *Cursor) Last() uint64 { return c.last }

// Pending is how many messages lay in the stream after the last one that Next returned,
// when the broker sent that one.
func (c *Cursor) Pending() uint64 { return c.pending }

// Open makes the consumer, taking the name over from whoever uses it, and asks for
// messages after Last. A cursor that could not be opened holds nothing.
func (c *Cursor) Open(ctx context.Context) error {
	err := c.open(ctx)
	if err != nil {
		c.drop()
	}
	return err
}

// open insists: whoever lost the name may try to make it again in between, and finds out
// after that.
func (c *Cursor) open(ctx context.Context) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		_, err := ask.Insist(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, c.remake(ctx) })
		if !errors.Is(err, jetstream.ErrConsumerExists) || attempt == attempts {
			return err
		}
		if !ask.Sleep(ctx, time.Duration(attempt)*20*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// remake makes the consumer in the place of one that has the name.
func (c *Cursor) remake(ctx context.Context) error {
	if err := c.js.DeleteConsumer(ctx, c.cfg.Stream, c.name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("delete consumer %s: %w", c.name, err)
	}
	return c.create(ctx)
}

// create makes the consumer where none has the name, and asks for messages.
func (c *Cursor) create(ctx context.Context) error {
	c.drop()
	cons, err := c.js.CreateConsumer(ctx, c.cfg.Stream, jetstream.ConsumerConfig{
		Name:              c.name,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       c.last + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		FilterSubject:     c.cfg.Filter,
		InactiveThreshold: consumerIdle,
		MemoryStorage:     true,
		Replicas:          c.cfg.Replicas,
		Metadata:          map[string]string{ownerKey: c.owner},
	})
	if err != nil {
		return fmt.Errorf("create consumer %s: %w", c.name, err)
	}
	c.pending = cons.CachedInfo().NumPending
	c.inbox = nats.NewInbox()
	c.consumer, c.pulls = 0, c.pulls[:0]
	c.reconnects = c.nc.Stats().Reconnects
	c.arrivals = make(chan *nats.Msg, pullsAhead*(pullMessages+64))
	if c.sub, err = c.nc.ChanSubscribe(c.inbox+".*", c.arrivals); err != nil {
		return fmt.Errorf("subscribe to deliveries: %w", err)
	}
	c.heard, c.broken = time.Now(), false
	c.refill()
	return nil
}

// drop forgets the incarnation and what it has in flight.
func (c *Cursor) drop() {
	if c.sub != nil {
		_ = c.sub.Unsubscribe() // it fails only where nothing is subscribed any more
		c.sub = nil
	}
}

// closeTimeout bounds what a shared cursor's Close does, which is part of a learner's stop.
const closeTimeout = time.Second

// Close drops the incarnation and its consumer, if that is still this cursor's.
func (c *Cursor) Close() {
	c.drop()
	limit := ask.Timeout
	if c.shared() {
		limit = closeTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if c.shared() {
		if mine, err := c.owned(ctx); err != nil || !mine {
			return
		}
	}
	_ = c.js.DeleteConsumer(ctx, c.cfg.Stream, c.name) // or the broker drops it when idle
}

// owned reports whether the consumer exists and was made by this cursor.
func (c *Cursor) owned(ctx context.Context) (bool, error) {
	cons, err := ask.Again(ctx, func(ctx context.Context) (jetstream.Consumer, error) { return c.js.Consumer(ctx, c.cfg.Stream, c.name) })
	if err != nil {
		return false, err
	}
	return cons.CachedInfo().Config.Metadata[ownerKey] == c.owner, nil
}

// repair makes the consumer anew. It returns ErrReplaced if another took its name, and
// ErrRecreated if the stream is no longer the same. Any other failure may pass: it is
// logged, and tried again when next finds nothing to return.
func (c *Cursor) repair(ctx context.Context) error {
	// A broker that loses its leader may leave a question unanswered, whatever time the
	// caller has.
	trying, cancel := context.WithTimeout(ctx, ask.Timeout)
	defer cancel()
	err := c.reopen(trying)
	switch {
	case err == nil:
		c.log.Info("reads on after a lost delivery", "stream", c.cfg.Stream, "after", c.last)
		return nil
	case errors.Is(err, ErrReplaced), errors.Is(err, ErrRecreated), ctx.Err() != nil:
		return err
	default:
		c.drop()
		c.broken = true
		c.log.Warn("cannot read on, will try again", "stream", c.cfg.Stream, "after", c.last, "error", err)
		return nil
	}
}

func (c *Cursor) reopen(ctx context.Context) error {
	s, err := ask.Again(ctx, func(ctx context.Context) (jetstream.Stream, error) { return c.js.Stream(ctx, c.cfg.Stream) })
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("stream %s is gone: %w", c.cfg.Stream, ErrRecreated)
	case err != nil:
		return fmt.Errorf("look for stream %s: %w", c.cfg.Stream, err)
	case !s.CachedInfo().Created.Equal(c.cfg.Created):
		return fmt.Errorf("stream %s was made at %v, and this reader began on one of %v: %w",
			c.cfg.Stream, s.CachedInfo().Created, c.cfg.Created, ErrRecreated)
	}
	if !c.shared() {
		// The old one may lie on a server that is gone: leave it to the broker.
		c.name = ownName()
		return c.create(ctx)
	}
	mine, err := c.owned(ctx)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		// Either the broker lost it, or another scan is just taking the name over.
		if !ask.Sleep(ctx, takeover) {
			return ctx.Err()
		}
		mine, err = c.owned(ctx)
	}
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		if err = c.create(ctx); !errors.Is(err, jetstream.ErrConsumerExists) {
			return err
		}
		return c.replaced()
	case err != nil:
		return fmt.Errorf("look for consumer %s: %w", c.name, err)
	case !mine:
		return c.replaced()
	}
	return c.open(ctx)
}

// takeover is how long a scan whose consumer is gone gives another to make its own.
const takeover = 300 * time.Millisecond

func (c *Cursor) replaced() error {
	return fmt.Errorf("consumer %s of stream %s: %w; stop one of the two, or give each its own consumer name",
		c.name, c.cfg.Stream, ErrReplaced)
}

// refill keeps pullsAhead pulls under way. Where it cannot send, the incarnation is broken.
func (c *Cursor) refill() {
	for len(c.pulls) < pullsAhead {
		c.pullSeq++
		reply := c.inbox + "." + strconv.FormatUint(c.pullSeq, 10)
		body := fmt.Appendf(nil, `{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`,
			pullMessages, c.cfg.Bytes, pullExpires, pullHeartbeat)
		if err := c.nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+c.cfg.Stream+"."+c.name, reply, body); err != nil {
			c.broken = true
			return
		}
		c.pulls = append(c.pulls, pull{reply: reply, left: pullMessages})
	}
}

// Next returns the next message. It reports false if none came within idle. It returns
// ErrReplaced and ErrRecreated, nats.ErrConnectionClosed when the connection was closed,
// and ctx's error when ctx ends, after which Next may be called again.
func (c *Cursor) Next(ctx context.Context, idle time.Duration) (Message, bool, error) {
	var timer *time.Timer
	for {
		var arrived *nats.Msg
		select {
		case arrived = <-c.arrivals:
		default:
			if timer == nil {
				timer = time.NewTimer(idle)
				defer timer.Stop()
			}
			select {
			case arrived = <-c.arrivals:
			case <-ctx.Done():
				return Message{}, false, context.Cause(ctx)
			case <-timer.C:
				return Message{}, false, c.alive(ctx)
			}
		}
		m, ok, err := c.accept(arrived)
		if errors.Is(err, errLost) {
			err = c.repair(ctx)
		}
		if ok || err != nil {
			return m, ok, err
		}
	}
}

// alive repairs the consumer if it has been silent for too long or the connection was
// lost since.
func (c *Cursor) alive(ctx context.Context) error {
	if c.nc.IsClosed() {
		return nats.ErrConnectionClosed
	}
	if !c.broken && time.Since(c.heard) < pullSilence && c.nc.Stats().Reconnects == c.reconnects {
		return nil
	}
	if !c.nc.IsConnected() {
		return nil // the next look is after the reconnection
	}
	return c.repair(ctx)
}

// accept takes what came from the broker: a message of the stream (true), or a word about
// a pull.
func (c *Cursor) accept(m *nats.Msg) (Message, bool, error) {
	c.heard = time.Now()
	if m.Reply == "" && len(m.Data) == 0 {
		return Message{}, false, c.status(m)
	}
	d, err := parseDelivery(m.Reply)
	if err != nil {
		return Message{}, false, err
	}
	if d.consumer != c.consumer+1 || d.stream <= c.last {
		return Message{}, false, errLost
	}
	c.consumer, c.last, c.pending = d.consumer, d.stream, d.pending
	if len(c.pulls) > 0 {
		if c.pulls[0].left--; c.pulls[0].left == 0 {
			c.pulls = c.pulls[1:]
			c.refill()
		}
	}
	return messageOf(m, d), true, nil
}

// status acts on a word about a pull: a heartbeat (100), its end (404, 408, 409 for its
// bytes), or that the consumer is gone (409 otherwise, 503).
func (c *Cursor) status(m *nats.Msg) error {
	switch m.Header.Get("Status") {
	case "100":
		return nil
	case "404", "408":
	case "409":
		switch m.Header.Get("Description") {
		case "Message Size Exceeds MaxBytes", "Batch Completed":
		default:
			return errLost
		}
	default:
		return errLost
	}
	for i, p := range c.pulls {
		if p.reply == m.Subject {
			c.pulls = append(c.pulls[:i:i], c.pulls[i+1:]...)
			break
		}
	}
	c.refill()
	return nil
}
