package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pullRecords is the most records in one pull.
	pullRecords = 4096
	// pullsAhead is how many pulls are under way, so that one arrives while the
	// other is read.
	pullsAhead = 2
	// pullExpires is how long a pull waits at the broker for records.
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

// A cursor reads a stream in order through a consumer that acknowledges nothing. The
// broker numbers what it delivers, gaps of deleted records left out: a number that is
// not the next one proves that a delivery was lost, and then the cursor makes its
// consumer anew, after the last record that was right. One goroutine.
type cursor struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	stream  string
	created time.Time // of the stream; another stream of that name is not read on
	name    string    // of the consumer
	shared  bool      // the name is known to others, who may take it over
	copies  int       // of the consumer
	filter  string    // subject, or "" for all
	owner   string    // this cursor, for ever; told from another that uses the same name
	bytes   int       // of one pull
	log     *slog.Logger
	last    Position
	pending uint64 // records after last that the broker knew of when it sent last

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

// open makes the consumer, taking the name over from whoever uses it, and asks for
// records after c.last. Whoever lost the name may try to make it again in between, and
// finds out after that: open insists.
func (c *cursor) open(ctx context.Context) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		if err := c.js.DeleteConsumer(ctx, c.stream, c.name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("delete consumer %s: %w", c.name, err)
		}
		err := c.create(ctx)
		if !errors.Is(err, jetstream.ErrConsumerExists) || attempt == attempts {
			return err
		}
		if !sleep(ctx, time.Duration(attempt)*20*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// create makes the consumer where none has the name, and asks for records.
func (c *cursor) create(ctx context.Context) error {
	c.drop()
	cons, err := c.js.CreateConsumer(ctx, c.stream, jetstream.ConsumerConfig{
		Name:              c.name,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       uint64(c.last) + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		FilterSubject:     c.filter,
		InactiveThreshold: consumerIdle,
		MemoryStorage:     true,
		Replicas:          c.copies,
		Metadata:          map[string]string{ownerKey: c.owner},
	})
	if err != nil {
		return fmt.Errorf("create consumer %s: %w", c.name, err)
	}
	c.pending = cons.CachedInfo().NumPending
	c.inbox = nats.NewInbox()
	c.consumer, c.pulls = 0, c.pulls[:0]
	c.reconnects = c.nc.Stats().Reconnects
	c.arrivals = make(chan *nats.Msg, pullsAhead*(pullRecords+64))
	if c.sub, err = c.nc.ChanSubscribe(c.inbox+".*", c.arrivals); err != nil {
		return fmt.Errorf("subscribe to deliveries: %w", err)
	}
	c.heard, c.broken = time.Now(), false
	c.ask()
	return nil
}

// drop forgets the incarnation and what it has in flight.
func (c *cursor) drop() {
	if c.sub != nil {
		_ = c.sub.Unsubscribe() // it fails only where nothing is subscribed any more
		c.sub = nil
	}
}

// close drops the incarnation and its consumer, if that is still this cursor's.
func (c *cursor) close() {
	c.drop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if mine, err := c.owned(ctx); err == nil && mine {
		_ = c.js.DeleteConsumer(ctx, c.stream, c.name) // or the broker drops it when idle
	}
}

// owned reports whether the consumer exists and was made by this cursor.
func (c *cursor) owned(ctx context.Context) (bool, error) {
	cons, err := ask(ctx, func(ctx context.Context) (jetstream.Consumer, error) { return c.js.Consumer(ctx, c.stream, c.name) })
	if err != nil {
		return false, err
	}
	return cons.CachedInfo().Config.Metadata[ownerKey] == c.owner, nil
}

// repair makes the consumer anew. It returns ErrReplaced if another took its name, and
// ErrRecreated if the stream is no longer the same. Any other failure may pass: it is
// logged, and tried again when next finds nothing to return.
func (c *cursor) repair(ctx context.Context) error {
	// A broker that loses its leader may leave a question unanswered, whatever time the
	// caller has.
	trying, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	err := c.reopen(trying)
	switch {
	case err == nil:
		c.log.Info("reads on after a lost delivery", "stream", c.stream, "after", c.last)
		return nil
	case errors.Is(err, ErrReplaced), errors.Is(err, ErrRecreated), ctx.Err() != nil:
		return err
	default:
		c.drop()
		c.broken = true
		c.log.Warn("cannot read on, will try again", "stream", c.stream, "after", c.last, "error", err)
		return nil
	}
}

func (c *cursor) reopen(ctx context.Context) error {
	s, err := ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return c.js.Stream(ctx, c.stream) })
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("stream %s is gone: %w", c.stream, ErrRecreated)
	case err != nil:
		return fmt.Errorf("look for stream %s: %w", c.stream, err)
	case !s.CachedInfo().Created.Equal(c.created):
		return fmt.Errorf("stream %s was made at %v, and this reader began on one of %v: %w",
			c.stream, s.CachedInfo().Created, c.created, ErrRecreated)
	}
	if !c.shared {
		// The old one may lie on a server that is gone: leave it to the broker.
		c.name = rangeName()
		return c.create(ctx)
	}
	mine, err := c.owned(ctx)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		// Either the broker lost it, or another scan is just taking the name over.
		if !sleep(ctx, takeover) {
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

func (c *cursor) replaced() error {
	return fmt.Errorf("consumer %s of stream %s: %w; stop one of the two, or give each its own consumer name",
		c.name, c.stream, ErrReplaced)
}

// ask keeps pullsAhead pulls under way. Where it cannot send, the incarnation is broken.
func (c *cursor) ask() {
	for len(c.pulls) < pullsAhead {
		c.pullSeq++
		reply := c.inbox + "." + strconv.FormatUint(c.pullSeq, 10)
		body := fmt.Appendf(nil, `{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`,
			pullRecords, c.bytes, pullExpires, pullHeartbeat)
		if err := c.nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+c.stream+"."+c.name, reply, body); err != nil {
			c.broken = true
			return
		}
		c.pulls = append(c.pulls, pull{reply: reply, left: pullRecords})
	}
}

// errLost says that the incarnation cannot go on.
var errLost = errors.New("a delivery was lost")

// next returns the next record. It reports false if none came within idle.
func (c *cursor) next(ctx context.Context, idle time.Duration) (Raw, bool, error) {
	var timer *time.Timer
	for {
		var m *nats.Msg
		select {
		case m = <-c.arrivals:
		default:
			if timer == nil {
				timer = time.NewTimer(idle)
				defer timer.Stop()
			}
			select {
			case m = <-c.arrivals:
			case <-ctx.Done():
				return Raw{}, false, context.Cause(ctx)
			case <-timer.C:
				return Raw{}, false, c.alive(ctx)
			}
		}
		raw, ok, err := c.accept(m)
		if errors.Is(err, errLost) {
			err = c.repair(ctx)
		}
		if ok || err != nil {
			return raw, ok, err
		}
	}
}

// alive repairs the consumer if it has been silent for too long or the connection was
// lost since.
func (c *cursor) alive(ctx context.Context) error {
	if c.nc.IsClosed() {
		return ErrClosed
	}
	if !c.broken && time.Since(c.heard) < pullSilence && c.nc.Stats().Reconnects == c.reconnects {
		return nil
	}
	if !c.nc.IsConnected() {
		return nil // the next look is after the reconnection
	}
	return c.repair(ctx)
}

// accept takes one message from the broker: a record (true), or a word about a pull.
func (c *cursor) accept(m *nats.Msg) (Raw, bool, error) {
	c.heard = time.Now()
	if m.Reply == "" && len(m.Data) == 0 {
		return Raw{}, false, c.status(m)
	}
	d, err := parseDelivery(m.Reply)
	if err != nil {
		return Raw{}, false, err
	}
	if d.consumer != c.consumer+1 || Position(d.stream) <= c.last {
		return Raw{}, false, errLost
	}
	c.consumer, c.last, c.pending = d.consumer, Position(d.stream), d.pending
	if len(c.pulls) > 0 {
		if c.pulls[0].left--; c.pulls[0].left == 0 {
			c.pulls = c.pulls[1:]
			c.ask()
		}
	}
	return rawOf(m, d), true, nil
}

// status acts on a message without a record: a heartbeat (100), a pull that ended (404,
// 408, 409 for its bytes), or a consumer that is gone (409 otherwise, 503).
func (c *cursor) status(m *nats.Msg) error {
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
	c.ask()
	return nil
}
