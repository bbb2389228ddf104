package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/internal/leak"
	"github.com/perennial-ml/perennial/ledger"
)

func TestMain(m *testing.M) { leak.Check(m) }

// patience is how long a test waits for what must come, on a machine that has other work.
const patience = time.Minute

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// patiently lets appends wait, and ids be known, for longer than a slow machine takes;
// unless cfg says how long.
func patiently(cfg ledger.Config) ledger.Config {
	if cfg.AppendTimeout == 0 {
		cfg.AppendTimeout = patience
	}
	if cfg.DuplicateWindow == 0 {
		cfg.DuplicateWindow = time.Hour
	}
	return cfg
}

// connect runs an embedded log in dir for as long as the test, or until it is closed.
func connect(t testing.TB, cfg ledger.Config) *ledger.Broker {
	t.Helper()
	cfg = patiently(cfg)
	b, err := ledger.Connect(t.Context(), cfg, discard())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func open(t testing.TB, cfg ledger.Config) *ledger.Log {
	t.Helper()
	if cfg.Dir == "" && cfg.URL == "" {
		cfg.Dir = t.TempDir()
	}
	l, err := connect(t, cfg).Open(t.Context(), "churn")
	require.NoError(t, err)
	return l
}

func event(id string) feedback.Event {
	return feedback.Event{
		ID: id, Source: "test", Type: feedback.TypeFeedback, Subject: "p-1",
		Consent: feedback.ConsentLearn, Data: fmt.Appendf(nil, `{"prediction_id":%q}`, id),
	}
}

func events(ids ...string) []feedback.Event {
	var out []feedback.Event
	for _, id := range ids {
		out = append(out, event(id))
	}
	return out
}

func numbered(from, to int) []feedback.Event {
	var out []feedback.Event
	for i := from; i <= to; i++ {
		out = append(out, event(fmt.Sprintf("e%d", i)))
	}
	return out
}

func appendAll(t testing.TB, l *ledger.Log, evs []feedback.Event) []ledger.Receipt {
	t.Helper()
	receipts, err := l.Append(t.Context(), evs)
	require.NoError(t, err)
	require.Len(t, receipts, len(evs))
	return receipts
}

// ids returns the event ids of all records from the position on, in order.
func ids(t testing.TB, l *ledger.Log, from ledger.Position) []string {
	t.Helper()
	var out []string
	var last ledger.Position
	require.NoError(t, l.Range(t.Context(), from, ^ledger.Position(0), func(r ledger.Raw) error {
		require.Greater(t, r.Position, last)
		last = r.Position
		out = append(out, r.Header["ce-id"][0])
		return nil
	}))
	return out
}

// next returns the scan's next n ids.
func next(t testing.TB, s *ledger.Scan, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out []string
	for range n {
		r, err := s.Next(ctx)
		require.NoError(t, err)
		out = append(out, r.Header["ce-id"][0])
	}
	return out
}
