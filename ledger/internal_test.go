package ledger

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
)

func FuzzDeadLetter(f *testing.F) {
	f.Add("perennial.m.dead.3", "2026-01-02T03:04:05Z", `{"code":"x"}`, `{"a":["b"]}`, "7", []byte("body"))
	f.Fuzz(func(t *testing.T, subject, at, refusal, header, cut string, body []byte) {
		d, err := decodeLetter(Raw{Subject: subject, Data: body, Header: map[string][]string{
			headerDeadTime: {at}, headerDeadRefusal: {refusal}, headerDeadHeader: {header}, headerDeadCut: {cut},
		}})
		if err != nil {
			return
		}
		// What can be read can be written again, and reads the same.
		m, err := encodeLetter("m", d, 1<<20)
		require.NoError(t, err)
		again, err := decodeLetter(Raw{Subject: m.Subject, Header: m.Header, Data: m.Data})
		require.NoError(t, err)
		require.Equal(t, d.Position, again.Position)
		require.True(t, d.Time.Equal(again.Time))
	})
}

func TestModelNamesThatWouldCollideOrBreakSubjectsAreRefused(t *testing.T) {
	for name, ok := range map[string]bool{
		"churn": true, "churn-2_B": true, "7": true, strings.Repeat("x", 64): true,
		"": false, "a.b": false, "a b": false, "a>": false, "*": false, "-a": false, "_a": false,
		"ü": false, strings.Repeat("x", 65): false, "churn_DEAD": false,
	} {
		require.Equal(t, ok, checkModelName(name) == nil, "name %q", name)
	}
}

func TestConfigErrorsNameTheFieldAndTheRule(t *testing.T) {
	good := Config{Dir: "d"}.WithDefaults()
	require.NoError(t, good.Validate())
	require.NoError(t, Config{URL: "nats://x"}.WithDefaults().Validate())
	for _, tc := range []struct {
		name string
		edit func(*Config)
		says string
	}{
		{"no place", func(c *Config) { c.Dir = "" }, "dir: must be set"},
		{"two places", func(c *Config) { c.URL = "nats://x" }, "dir: must be set"},
		{"listen", func(c *Config) { c.Listen = "4222" }, "listen: must be host:port"},
		{"credentials", func(c *Config) { c.Credentials = "f" }, "credentials: must be empty without url"},
		{"half a certificate", func(c *Config) { c.TLS.Cert = "f" }, "tls.cert: must come with tls.key"},
		{"replicas", func(c *Config) { c.Replicas = 3 }, "replicas: must be 1 without url"},
		{"window", func(c *Config) { c.DuplicateWindow = time.Millisecond }, "duplicate_window: must be from 100ms"},
		{"timeout", func(c *Config) { c.AppendTimeout = time.Hour }, "append_timeout: must be"},
		{"queue", func(c *Config) { c.QueueBytes = 5 }, "queue_bytes: must be 65536 or more"},
		{"batch", func(c *Config) { c.MaxBatch = 1001 }, "max_batch: must be from 1 to 1000"},
		{"pull", func(c *Config) { c.PullBytes = 5 }, "pull_bytes: must be"},
		{"consumer", func(c *Config) { c.Consumer = "a.b" }, "consumer: must be 1 to 64"},
		{"bytes", func(c *Config) { c.MaxBytes = -1 }, "max_bytes: must be 0 or more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := good
			tc.edit(&c)
			require.ErrorContains(t, c.Validate(), tc.says)
		})
	}
	_, err := json.Marshal(good)
	require.NoError(t, err)
}

// A disk that fills up is told from a log that does not answer, and costs nothing: the
// broker never meets it, so that the log goes on by itself once there is room.
func TestAnAlmostFullDiskRefusesUntilThereIsRoom(t *testing.T) {
	b, err := Connect(t.Context(), Config{Dir: t.TempDir(), FreeBytes: 1 << 20}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	var free atomic.Uint64
	b.free = func() (uint64, bool) { return free.Load(), true }
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	free.Store(1 << 20)
	events := func(from, n int) (out []feedback.Event) {
		for i := range n {
			out = append(out, feedback.Event{ID: strconv.Itoa(from + i), Source: "test", Type: feedback.TypeFeedback, Data: []byte("{}")})
		}
		return out
	}
	_, err = l.Append(t.Context(), events(0, 20))
	require.NoError(t, err)
	free.Store(1<<20 - 1)
	for _, n := range []int{1, 2, 20, 2000} {
		receipts, err := l.Append(t.Context(), events(20, n))
		require.ErrorIs(t, err, ErrFull)
		require.NotErrorIs(t, err, ErrStalled)
		require.ErrorContains(t, err, "log.free_bytes keeps 1048576")
		require.Nil(t, receipts, "the whole call is concerned")
	}
	state, err := l.State(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 20, state.Records)
	free.Store(1 << 30)
	_, err = l.Append(t.Context(), events(20, 2000))
	require.NoError(t, err)
}
