package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
	"github.com/perennial-ml/perennial/ledger/internal/commit"
)

// A Position is a record's place in a log, from 1; 0 stands before the first record.
type Position uint64

// An ID tells a log from another of the same name: positions mean something within one
// ID only.
type ID struct {
	Name    string    `json:"name"`    // of the stream
	Created time.Time `json:"created"` // by the broker's clock
}

// A State is what a log holds.
type State struct {
	First   Position `json:"first"` // of the oldest record; Last+1 if there is none
	Last    Position `json:"last"`  // ever stored, even if erased since
	Records uint64   `json:"records"`
	Bytes   uint64   `json:"bytes"`
	// Deleted counts the gaps between First and Last.
	Deleted uint64 `json:"deleted"`
}

// A Log is one model's stream, opened.
type Log struct {
	broker *Broker
	cfg    Config
	log    *slog.Logger
	model  string
	id     ID
	limit  int // largest record that the broker takes, headers included, in bytes

	write, read *nats.Conn
	js          jetstream.JetStream // over read

	committer *commit.Committer
	running   sync.WaitGroup // the committer
	closing   context.Context
	cancel    context.CancelFunc
}

// Open opens a model's log, and creates it and its dead-letter stream where they do not
// exist. It returns ErrAsyncPersistence or ErrIncompatible for a stream that exists and
// cannot serve. The Log is closed with its Broker.
func (b *Broker) Open(ctx context.Context, model string) (*Log, error) {
	if err := checkModelName(model); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	info, err := b.ensureStreams(ctx, model)
	if err != nil {
		return nil, fmt.Errorf("open log of model %s: %w", model, err)
	}
	l := &Log{
		broker: b,
		cfg:    b.cfg,
		log:    b.log.With("model", model),
		model:  model,
		id:     ID{Name: info.Config.Name, Created: info.Created.UTC()},
	}
	l.closing, l.cancel = context.WithCancel(context.Background())
	if err := l.start(ctx, info.Config.MaxMsgSize); err != nil {
		l.close()
		return nil, fmt.Errorf("open log of model %s: %w", model, err)
	}
	b.mu.Lock()
	closed := b.closed
	if !closed {
		b.logs = append(b.logs, l)
	}
	b.mu.Unlock()
	if closed {
		l.close()
		return nil, fmt.Errorf("open log of model %s: %w", model, ErrClosed)
	}
	return l, nil
}

func (l *Log) start(ctx context.Context, maxMsgSize int32) error {
	var err error
	if l.write, err = l.broker.dial(ctx, "perennial-append-"+l.model); err != nil {
		return err
	}
	if l.read, err = l.broker.dial(ctx, "perennial-scan-"+l.model); err != nil {
		return err
	}
	if l.js, err = jetstream.New(l.read, jetstream.WithDefaultTimeout(ask.Timeout)); err != nil {
		return err
	}
	l.limit = int(l.write.MaxPayload())
	if maxMsgSize > 0 {
		l.limit = min(l.limit, int(maxMsgSize))
	}
	cfg := commit.Config{
		Stream:     l.id.Name,
		Subject:    eventSubjects(l.model)[0],
		QueueBytes: l.cfg.QueueBytes,
		MaxBatch:   l.cfg.MaxBatch,
		Timeout:    l.cfg.AppendTimeout,
		Room:       l.room,
		Failpoints: l.cfg.Failpoints,
	}
	if emb := l.broker.emb; emb != nil {
		cfg.Embedded = emb
	}
	if l.committer, err = commit.New(l.write, cfg, l.log); err != nil {
		return err
	}
	l.running.Go(func() { l.committer.Run(l.closing) })
	return nil
}

// close stops the committer and the connections. Waiting appends get ErrClosed.
func (l *Log) close() {
	l.cancel()
	l.running.Wait()
	for _, nc := range []*nats.Conn{l.write, l.read} {
		if nc != nil {
			nc.Close()
		}
	}
}

// Broker is the Broker that opened the log.
func (l *Log) Broker() *Broker { return l.broker }

// Model is the model's name.
func (l *Log) Model() string { return l.model }

// ID identifies the log: a checkpoint carries it beside its position.
func (l *Log) ID() ID { return l.id }

// State asks the broker what the log holds.
func (l *Log) State(ctx context.Context) (State, error) {
	info, err := l.info(ctx)
	if err != nil {
		return State{}, err
	}
	return stateOf(info), nil
}

func (l *Log) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	s, err := ask.Again(ctx, func(ctx context.Context) (jetstream.Stream, error) { return l.js.Stream(ctx, l.id.Name) })
	if err != nil {
		return nil, fmt.Errorf("ask for the state of log %s: %w", l.id.Name, err)
	}
	return s.CachedInfo(), nil
}

func stateOf(info *jetstream.StreamInfo) State {
	s := info.State
	return State{
		First:   Position(max(s.FirstSeq, 1)),
		Last:    Position(s.LastSeq),
		Records: s.Msgs,
		Bytes:   s.Bytes,
		Deleted: uint64(s.NumDeleted),
	}
}
