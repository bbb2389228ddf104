package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/natstest"
	"github.com/perennial-ml/perennial/ledger"
)

// persist appends events, and again what is unknown, as a producer has to: until each has
// a receipt.
func persist(ctx context.Context, l *ledger.Log, from, to int) error {
	for {
		_, err := l.Append(ctx, numbered(from, to))
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A server's loss is a leader's: whoever leads the log is stopped under load, twice, and
// every event is stored once, in an order that readers and a late scan agree about.
func TestAClusterLosesAServerAndNoEvent(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers and two elections")
	}
	cluster := natstest.NewCluster(t, 3)
	l := open(t, ledger.Config{URL: cluster.URL(), AppendTimeout: 2 * time.Second})
	info, err := l.Broker().JetStream().Stream(t.Context(), l.ID().Name)
	require.NoError(t, err)
	require.Equal(t, 3, info.CachedInfo().Config.Replicas, "three by default outside")

	const producers, calls, each = 4, 60, 25
	total := producers * calls * each
	follower := scan(t, l, 1)
	followed := make(chan []string, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	go func() {
		var got []string
		for len(got) < total {
			r, err := follower.Next(ctx)
			if !assert.NoError(t, err) {
				break
			}
			got = append(got, r.Header["ce-id"][0])
		}
		followed <- got
	}()

	var wg sync.WaitGroup
	third := make(chan struct{}, producers)
	for p := range producers {
		wg.Go(func() {
			for c := range calls {
				first := (p*calls+c)*each + 1
				assert.NoError(t, persist(ctx, l, first, first+each-1))
				if c == calls/3 || c == 2*calls/3 {
					third <- struct{}{}
				}
			}
		})
	}
	for range 2 {
		<-third
		leader := cluster.Leader(l.ID().Name)
		cluster.Stop(leader)
		for range producers - 1 { // they go on without it
			<-third
		}
		cluster.Start(leader)
		cluster.Settled(3)
	}
	wg.Wait()

	stored := ids(t, l, 1)
	times := map[string]int{}
	for _, id := range stored {
		times[id]++
	}
	for _, id := range names(1, total) {
		require.Equal(t, 1, times[id], "lost or doubled: %s", id)
	}
	require.Len(t, stored, total)
	read := <-followed
	for i := range min(len(read), len(stored)) {
		require.Equal(t, stored[i], read[i], "a reader that was there saw another log, from record %d on", i)
	}
	require.Len(t, read, len(stored))
	require.NoError(t, l.Check(t.Context(), l.ID(), ledger.Position(total)))
}

func TestAClusterWithoutAMajorityStallsAndGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers and an election")
	}
	cluster := natstest.NewCluster(t, 3)
	l := open(t, ledger.Config{URL: cluster.URL(), AppendTimeout: 500 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	require.NoError(t, persist(ctx, l, 1, 10))
	cluster.Stop(0)
	cluster.Stop(1)
	require.Eventually(t, func() bool {
		_, err := l.Append(t.Context(), numbered(11, 20))
		return errors.Is(err, ledger.ErrStalled)
	}, patience, 50*time.Millisecond)
	cluster.Start(0)
	cluster.Start(1)
	cluster.Settled(3)
	require.NoError(t, persist(ctx, l, 1, 30))
	require.Len(t, ids(t, l, 1), 30)
}

// The broker has no such mode for replicas, so that the stream a learner must refuse is one
// that someone made with a single copy.
func TestAClustersAsyncStreamIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers")
	}
	cluster := natstest.NewCluster(t, 3)
	b := connect(t, ledger.Config{URL: cluster.URL()})
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	s, err := b.JetStream().Stream(t.Context(), l.ID().Name)
	require.NoError(t, err)
	cfg := s.CachedInfo().Config
	require.NoError(t, b.JetStream().DeleteStream(t.Context(), cfg.Name))
	cfg.Replicas, cfg.AllowAtomicPublish, cfg.PersistMode = 1, false, jetstream.AsyncPersistMode
	_, err = b.JetStream().CreateStream(t.Context(), cfg)
	require.NoError(t, err)
	_, err = b.Open(t.Context(), "churn")
	require.ErrorIs(t, err, ledger.ErrAsyncPersistence)
	require.ErrorIs(t, l.Check(t.Context(), l.ID(), 0), ledger.ErrAsyncPersistence)
}
