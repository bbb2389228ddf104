package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/distribute"
	"github.com/perennial-ml/perennial/models"
)

// channels is a publisher that fails while it has errors for a channel.
type channels struct {
	mu     sync.Mutex
	errs   map[string][]error
	before func() // called before each publication, without the lock
	named  map[string]checkpoint.Version
}

func (c *channels) Publish(_ context.Context, v checkpoint.Version, _ []byte, _ *models.Frozen, list ...string) error {
	if c.before != nil {
		c.before()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range list {
		if errs := c.errs[name]; len(errs) > 0 {
			c.errs[name] = errs[1:]
			return errs[0]
		}
		c.named[name] = v
	}
	return nil
}

func (c *channels) version(name string) checkpoint.Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.named[name]
}

// distributes runs a distributor of a publisher until the test ends.
func distributes(t *testing.T, p publisher) (*distributor, <-chan error) {
	t.Helper()
	d := newDistributor(p, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		ended <- d.run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return d, ended
}

// A rolled back stable moves no more, so nothing but another try tells the servers of it.
func TestFailedPublicationIsTriedAgainWithoutANewerOne(t *testing.T) {
	away := errors.New("no responders")
	for _, failing := range []string{"stable", "candidate"} {
		t.Run(failing, func(t *testing.T) {
			p := &channels{errs: map[string][]error{failing: {away, away}}, named: map[string]checkpoint.Version{}}
			d, _ := distributes(t, p)
			d.offer(release{channel: "candidate", version: 9})
			d.offer(release{channel: "stable", version: 4})
			require.Eventually(t, func() bool {
				return p.version("candidate") == 9 && p.version("stable") == 4
			}, time.Minute, time.Millisecond)
		})
	}
}

func TestFailedPublicationGivesWayToANewerOne(t *testing.T) {
	p := &channels{errs: map[string][]error{"stable": {errors.New("timeout")}}, named: map[string]checkpoint.Version{}}
	d := newDistributor(p, slog.New(slog.DiscardHandler))
	d.offer(release{channel: "stable", version: 4})
	p.before = func() { d.offer(release{channel: "stable", version: 7}) }
	failed, err := d.publish(t.Context())
	require.NoError(t, err)
	require.True(t, failed)
	p.before = nil
	failed, err = d.publish(t.Context())
	require.NoError(t, err)
	require.False(t, failed)
	require.EqualValues(t, 7, p.version("stable"))
}

func TestFencedPublisherEndsTheLearner(t *testing.T) {
	p := &channels{errs: map[string][]error{"stable": {distribute.ErrFenced}}, named: map[string]checkpoint.Version{}}
	d, ended := distributes(t, p)
	d.offer(release{channel: "stable", version: 4})
	select {
	case err := <-ended:
		require.ErrorIs(t, err, distribute.ErrFenced)
	case <-time.After(time.Minute):
		require.Fail(t, "it goes on")
	}
}
