package daemon

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/ledger"
)

// The last version of a clean stop stands after every record that was applied: what
// those asked for must not be lost because the learner is stopping.
func TestStoppingLearnerDropsNoErrandThatHasRoom(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	o := newOutbox(nil, slog.New(slog.DiscardHandler))
	for i := range outboxSize {
		if i%2 == 0 {
			o.erase(ctx, ledger.Position(i+1))
		} else {
			o.deadLetter(ctx, engine.DeadLetter{Position: uint64(i + 1)}, ledger.Raw{Position: ledger.Position(i + 1)})
		}
	}
	require.Len(t, o.queue, outboxSize)
	require.False(t, o.dropped.Load())
	o.erase(ctx, 1)
	require.True(t, o.dropped.Load(), "the last version must not be written over what was dropped")
}

// A version over a record whose erasure was dropped would hide the record from the next
// start, and the event would stay in the log for good.
func TestWriterRefusesAVersionOverADroppedErrand(t *testing.T) {
	o := newOutbox(nil, slog.New(slog.DiscardHandler))
	o.dropped.Store(true)
	settled := make(chan struct{})
	close(settled)
	// The machine has no store: the writer must not come as far as that.
	w := newWriter(&machine.Machine{}, o.dropped.Load, slog.New(slog.DiscardHandler), newStats("m"))
	require.ErrorIs(t, w.write(t.Context(), job{settled: settled}), errDropped)
}
