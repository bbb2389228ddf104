package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Config says who sends what where.
type Config struct {
	HTTP    string // base URL of the learner
	NATS    string // URL of its log
	Seed    uint64
	Models  []Model
	Clients int // for each model
	// Rollbacks bounds the rollbacks of each model.
	Rollbacks int
	// Damaged reports whether the harness has broken a version.
	Damaged func(model string, version uint64) bool
}

// Traffic is everyone who sends.
type Traffic struct {
	cfg  Config
	book *Book
	stop chan struct{}
	once sync.Once
}

// New returns traffic that notes in book what was acknowledged.
func New(cfg Config, book *Book) *Traffic {
	return &Traffic{cfg: cfg, book: book, stop: make(chan struct{})}
}

// Drain asks everyone to finish what they are sending and to begin nothing more.
func (t *Traffic) Drain() { t.once.Do(func() { close(t.stop) }) }

// Run sends until Drain, or until ctx ends, which leaves requests unacknowledged.
func (t *Traffic) Run(ctx context.Context) error {
	nc, err := dialProducer(t.cfg.NATS)
	if err != nil {
		return err
	}
	defer nc.Close()
	post := newPoster(t.cfg.HTTP, t.book)
	defer post.http.CloseIdleConnections()

	var all sync.WaitGroup
	stream := uint64(0)
	source := func() *rand.Rand {
		stream++
		return rand.New(rand.NewPCG(t.cfg.Seed, stream))
	}
	for _, m := range t.cfg.Models {
		for i := range t.cfg.Clients {
			c := &client{
				name: fmt.Sprintf("%s%d", m.Name, i), model: m, rng: source(), post: post, book: t.book,
				pause: 30 * time.Millisecond,
			}
			all.Go(func() { c.run(ctx, t.stop) })
		}
		o := &operator{
			model: m.Name, rng: source(), post: post, book: t.book, every: 800 * time.Millisecond,
			rollbacks: t.cfg.Rollbacks, damaged: t.cfg.Damaged,
		}
		all.Go(func() { o.run(ctx, t.stop) })
		p := &producer{model: m.Name, rng: source(), nc: nc, book: t.book, every: 120 * time.Millisecond}
		all.Go(func() { p.run(ctx, t.stop) })
	}
	all.Wait()
	return nil
}
