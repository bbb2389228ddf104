package cursor_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/leak"
	"github.com/perennial-ml/perennial/internal/natstest"
	"github.com/perennial-ml/perennial/ledger/internal/cursor"
)

func TestMain(m *testing.M) { leak.Check(m) }

func TestVisitPassesOnWhatMatchesAndLeavesNoConsumer(t *testing.T) {
	nc, err := nats.Connect(natstest.Server(t).ClientURL(), nats.Timeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "NUMBERS", Subjects: []string{"odd", "even"}})
	require.NoError(t, err)
	for i := 1; i <= 10; i++ {
		_, err = js.Publish(t.Context(), []string{"even", "odd"}[i%2], []byte(strconv.Itoa(i)))
		require.NoError(t, err)
	}
	require.NoError(t, stream.DeleteMsg(t.Context(), 5))
	enough := errors.New("enough")
	for _, tc := range []struct {
		name   string
		filter string
		after  uint64
		to     uint64
		until  string
		want   []string
		err    error
	}{
		{"all", "", 0, 10, "", []string{"1", "2", "3", "4", "6", "7", "8", "9", "10"}, nil},
		{"one subject", "odd", 0, 10, "", []string{"1", "3", "7", "9"}, nil},
		{"the end matches nothing", "odd", 9, 10, "", nil, nil},
		{"after one and up to one", "", 2, 6, "", []string{"3", "4", "6"}, nil},
		{"up to what is deleted", "", 3, 5, "", []string{"4"}, nil},
		{"until the visitor has enough", "", 0, 10, "2", []string{"1", "2"}, enough},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := cursor.New(nc, js, cursor.Config{
				Stream: "NUMBERS", Created: stream.CachedInfo().Created, Filter: tc.filter, After: tc.after, Bytes: 1 << 20,
			}, slog.New(slog.DiscardHandler))
			var got []string
			err := c.Visit(t.Context(), tc.to, func(m cursor.Message) error {
				require.Equal(t, strconv.FormatUint(m.Sequence, 10), string(m.Data))
				got = append(got, string(m.Data))
				if string(m.Data) == tc.until {
					return enough
				}
				return nil
			})
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.want, got)
			info, err := stream.Info(t.Context())
			require.NoError(t, err)
			require.Zero(t, info.State.Consumers)
		})
	}
}

// A lossy JetStream loses the answers to its first questions, and does what they ask for.
type lossy struct {
	jetstream.JetStream
	lost int
}

func (l *lossy) loses() bool { l.lost--; return l.lost >= 0 }

func (l *lossy) DeleteConsumer(ctx context.Context, stream, name string) error {
	if err := l.JetStream.DeleteConsumer(ctx, stream, name); !l.loses() {
		return err
	}
	return context.DeadlineExceeded
}

func (l *lossy) CreateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	c, err := l.JetStream.CreateConsumer(ctx, stream, cfg)
	if l.loses() {
		return nil, context.DeadlineExceeded
	}
	return c, err
}

// A cluster that elects a leader loses questions for longer than one is waited for.
func TestVisitOutlastsQuestionsThatAreLost(t *testing.T) {
	nc, err := nats.Connect(natstest.Server(t).ClientURL(), nats.Timeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "NUMBERS", Subjects: []string{"one"}})
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "one", nil)
	require.NoError(t, err)
	for lost := range 4 {
		c := cursor.New(nc, &lossy{js, lost}, cursor.Config{
			Stream: "NUMBERS", Created: stream.CachedInfo().Created, Bytes: 1 << 20,
		}, slog.New(slog.DiscardHandler))
		seen := 0
		require.NoError(t, c.Visit(t.Context(), 1, func(cursor.Message) error { seen++; return nil }))
		require.Equal(t, 1, seen)
		info, err := stream.Info(t.Context())
		require.NoError(t, err)
		require.Zero(t, info.State.Consumers)
	}
}
