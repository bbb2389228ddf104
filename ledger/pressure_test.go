package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/ledger"
)

func TestAStalledLogIsReportedInTimeAndRetriesStoreNothingTwice(t *testing.T) {
	l, p := external(t, ledger.Config{AppendTimeout: 200 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, persist(ctx, l, 1, 3))

	p.setHold(true) // so that nothing but its own time ends a call
	_, err := l.Append(t.Context(), numbered(4, 50))
	require.ErrorIs(t, err, ledger.ErrStalled)
	_, err = l.Append(t.Context(), numbered(51, 60))
	require.ErrorIs(t, err, ledger.ErrStalled, "also one that came while it was stalled")
	p.setHold(false)

	require.NoError(t, persist(ctx, l, 1, 60))
	require.Len(t, ids(t, l, 1), 60)
}

func TestAFullQueueIsBusyAndForgetsWhoGaveUp(t *testing.T) {
	const calls, room = 200, 64 << 10
	const fit = room / (10 * 1024) // of calls that take 1,024 bytes an event and some more
	l, p := external(t, ledger.Config{QueueBytes: room})
	p.setHold(true)
	waiting, giveUp := context.WithCancel(t.Context())
	outcomes := make(chan error, calls)
	var wg sync.WaitGroup
	for c := range calls {
		wg.Go(func() {
			_, err := l.Append(waiting, numbered(c*10, c*10+9))
			outcomes <- err
		})
	}
	for range calls - fit { // at once: nobody has given up, and nothing passes
		require.ErrorIs(t, <-outcomes, ledger.ErrBusy, "more was queued than the bound allows")
	}
	giveUp()
	wg.Wait()
	close(outcomes)
	gaveUp := 0
	for err := range outcomes {
		if !errors.Is(err, ledger.ErrBusy) {
			require.ErrorIs(t, err, context.Canceled)
			gaveUp++
		}
	}
	require.NotZero(t, gaveUp)

	p.setHold(false)
	require.Eventually(t, func() bool {
		_, err := l.Append(t.Context(), numbered(1, 5))
		return err == nil
	}, patience, 50*time.Millisecond, "the queue must be free again")
}

func TestACallLargerThanTheQueueIsToldToSplit(t *testing.T) {
	l := open(t, ledger.Config{QueueBytes: 64 << 10})
	_, err := l.Append(t.Context(), numbered(1, 1000))
	require.ErrorIs(t, err, ledger.ErrTooLarge)
	require.ErrorContains(t, err, "split")
}

func TestACancelledCallerHarmsNobodyElse(t *testing.T) {
	goOn := filepath.Join(t.TempDir(), "go-on")
	held, err := failpoint.Parse("ledger.commit.before=hold:" + goOn)
	require.NoError(t, err)
	l := open(t, ledger.Config{Failpoints: held})
	release := func() { require.NoError(t, os.WriteFile(goOn, nil, 0o600)) }
	t.Cleanup(release)
	gone, cancel := context.WithCancel(t.Context())
	var leaving, staying sync.WaitGroup
	for c := range 20 {
		ctx, wg := t.Context(), &staying
		if c%2 == 0 {
			ctx, wg = gone, &leaving
		}
		wg.Go(func() {
			_, err := l.Append(ctx, numbered(c*10, c*10+9))
			if c%2 == 0 {
				assert.ErrorIs(t, err, context.Canceled)
			} else {
				assert.NoError(t, err)
			}
		})
	}
	require.Eventually(t, func() bool { return held.Hits("ledger.commit.before") > 0 }, patience, time.Millisecond)
	time.Sleep(100 * time.Millisecond) // the others wait behind it, or come to see that they are cancelled
	cancel()
	leaving.Wait()
	release()
	staying.Wait()
	stored := map[string]int{}
	for _, id := range ids(t, l, 1) {
		stored[id]++
	}
	for c := 1; c < 20; c += 2 {
		for i := c * 10; i < c*10+10; i++ {
			require.Equal(t, 1, stored[fmt.Sprint("e", i)])
		}
	}
}

func TestCloseEndsWaitingAppends(t *testing.T) {
	slow, err := failpoint.Parse("ledger.commit.before=sleep:200ms")
	require.NoError(t, err)
	b := connect(t, ledger.Config{Dir: t.TempDir(), Failpoints: slow})
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for c := range 10 {
		wg.Go(func() {
			if _, err := l.Append(t.Context(), numbered(c, c)); err != nil {
				assert.ErrorIs(t, err, ledger.ErrClosed)
			}
		})
	}
	time.Sleep(50 * time.Millisecond) // they wait, or find it closed
	require.NoError(t, b.Close())
	wg.Wait() // none is told that the log stalled, as after the whole of its time
	_, err = l.Append(t.Context(), numbered(1, 1))
	require.ErrorIs(t, err, ledger.ErrClosed)
	_, err = b.Open(t.Context(), "churn")
	require.Error(t, err)
}

func TestAFailureBeforeCommitStoresNothingAndAfterItStoresAll(t *testing.T) {
	for _, tc := range []struct {
		name, spec string
		stored     int
	}{
		{"before", "ledger.commit.before=error", 0},
		{"after", "ledger.commit.after=error", 30},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fail, err := failpoint.Parse(tc.spec)
			require.NoError(t, err)
			l := open(t, ledger.Config{Failpoints: fail})
			_, err = l.Append(t.Context(), numbered(1, 30))
			require.ErrorIs(t, err, failpoint.ErrInjected)
			require.Len(t, ids(t, l, 1), tc.stored)
			appendAll(t, l, numbered(1, 30))
			require.Len(t, ids(t, l, 1), 30)
		})
	}
}

// Few events are stored one by one and many as a batch: a log without room says the same
// of both, and says it of the call.
func TestAFullStreamConcernsTheWholeCall(t *testing.T) {
	l := open(t, ledger.Config{MaxBytes: 64 << 10})
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		_, err = l.Append(t.Context(), numbered(i*10, i*10+9))
	}
	require.ErrorIs(t, err, ledger.ErrFull)
	for i := 0; ; i++ { // what room a batch did not find may do for some single ones
		if _, err = l.Append(t.Context(), numbered(1_000_000+i, 1_000_000+i)); err != nil {
			break
		}
	}
	for _, n := range []int{1, 2, 3, 9, 50} {
		receipts, err := l.Append(t.Context(), numbered(2_000_000, 2_000_000+n-1))
		require.ErrorIs(t, err, ledger.ErrFull, "%d events", n)
		require.Nil(t, receipts)
	}
}

func TestStagingThatVanishesCostsTimeAndNoEvent(t *testing.T) {
	cfg := ledger.Config{Dir: t.TempDir()}
	b := connect(t, cfg)
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	link := filepath.Join(cfg.Dir, "jetstream", "$G", "streams", l.ID().Name, "batches")
	target, err := os.Readlink(link)
	if err != nil {
		t.Skip("no file system in memory, or no room there at the moment")
	}
	require.NoError(t, os.RemoveAll(target))

	receipts := appendAll(t, l, numbered(1, 50))
	for i, r := range receipts {
		require.Equal(t, ledger.Position(i+1), r.Position)
	}
	if info, err := os.Lstat(link); err == nil {
		require.True(t, info.IsDir(), "the dead link is still there")
	}
	appendAll(t, l, numbered(51, 100))
	again, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	appendAll(t, again, numbered(101, 150))
	require.Len(t, ids(t, l, 1), 150)
}
