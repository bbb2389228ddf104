package ledger

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A lossy JetStream loses the answers to its first questions, and does what they ask for.
type lossy struct {
	jetstream.JetStream
	lost    []error
	created int
}

func (l *lossy) loses() error {
	if len(l.lost) == 0 {
		return nil
	}
	err := l.lost[0]
	l.lost = l.lost[1:]
	return err
}

func (l *lossy) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if err := l.loses(); err != nil {
		return nil, err
	}
	return l.JetStream.Stream(ctx, name)
}

func (l *lossy) CreateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := l.JetStream.CreateStream(ctx, cfg)
	if err == nil {
		l.created++
	}
	if lost := l.loses(); lost != nil {
		return nil, lost
	}
	return s, err
}

func TestALogIsOpenedThoughItsServerIsSlowToAnswer(t *testing.T) {
	b, err := Connect(t.Context(), Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	broken := errors.New("broken")
	js := &lossy{JetStream: b.js, lost: []error{context.DeadlineExceeded, nil, context.DeadlineExceeded}}
	b.js = js
	info, err := b.ensure(t.Context(), b.streamConfig("churn"))
	require.NoError(t, err)
	require.Equal(t, StreamName("churn"), info.Config.Name)
	require.Equal(t, 1, js.created)
	require.Empty(t, js.lost)

	js.lost = []error{broken}
	_, err = b.ensure(t.Context(), b.streamConfig("churn"))
	require.ErrorIs(t, err, broken, "a refusal is none that another try would change")
}
