package ledger

import (
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
)

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
