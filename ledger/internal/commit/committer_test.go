package commit_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/leak"
	"github.com/perennial-ml/perennial/internal/natstest"
	"github.com/perennial-ml/perennial/ledger/internal/commit"
)

func TestMain(m *testing.M) { leak.Check(m) }

// run starts a server and a Committer to a stream whose messages take 1,000 bytes at most.
func run(t *testing.T, cfg commit.Config) *commit.Committer {
	t.Helper()
	nc, err := nats.Connect(natstest.Server(t).ClientURL(), nats.Timeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	cfg.Stream, cfg.Subject = "MESSAGES", "messages"
	cfg.QueueBytes, cfg.MaxBatch, cfg.Timeout = 1<<20, 1000, time.Minute
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: cfg.Stream, Subjects: []string{cfg.Subject}, MaxMsgSize: 1000, AllowAtomicPublish: true,
	})
	require.NoError(t, err)
	c, err := commit.New(nc, cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return c
}

func message(id string, size int) commit.Message {
	return commit.Message{
		Msg:  &nats.Msg{Subject: "messages", Header: nats.Header{nats.MsgIdHdr: {id}}, Data: bytes.Repeat([]byte("x"), size)},
		Size: size,
	}
}

// A stream's limit may be lowered while its log is open: then only the broker knows it.
func TestOneMessageThatTheBrokerRefusesDoesNotSinkItsBatch(t *testing.T) {
	c := run(t, commit.Config{})
	var messages []commit.Message
	for i := range 20 {
		messages = append(messages, message(fmt.Sprint("m", i), 100))
	}
	messages[7] = message("huge", 5000)
	receipts, err := c.Append(t.Context(), messages)
	require.NoError(t, err)
	next := uint64(1)
	for i, r := range receipts {
		if i == 7 {
			require.ErrorIs(t, r.Err, commit.ErrTooLarge)
			require.ErrorContains(t, r.Err, `"huge"`)
			continue
		}
		require.Equal(t, commit.Receipt{Sequence: next}, r)
		next++
	}
}

func TestACommitterWithoutRoomSendsNothing(t *testing.T) {
	full := fmt.Errorf("3 bytes are free: %w", commit.ErrFull)
	var room error
	c := run(t, commit.Config{Room: func() error { return room }})
	for _, n := range []int{1, 20} {
		room = full
		messages := func() (out []commit.Message) {
			for i := range n {
				out = append(out, message(fmt.Sprint(n, "-", i), 100))
			}
			return out
		}
		receipts, err := c.Append(t.Context(), messages())
		require.ErrorIs(t, err, commit.ErrFull)
		require.Nil(t, receipts)
		room = nil
		receipts, err = c.Append(t.Context(), messages())
		require.NoError(t, err)
		for _, r := range receipts {
			require.False(t, r.Duplicate, "a message was stored though there was no room")
		}
	}
}
