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
	appendAll(t, l, numbered(1, 3))

	p.setHold(true)
	start := time.Now()
	_, err := l.Append(t.Context(), numbered(4, 50))
	require.ErrorIs(t, err, ledger.ErrStalled)
	require.Less(t, time.Since(start), 2*time.Second)
	// What comes while it is stalled waits no longer than its own time either.
	_, err = l.Append(t.Context(), numbered(51, 60))
	require.ErrorIs(t, err, ledger.ErrStalled)
	p.setHold(false)

	require.Eventually(t, func() bool {
		_, err = l.Append(t.Context(), numbered(1, 60))
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
	require.Len(t, ids(t, l, 1), 60)
}

func TestAFullQueueIsBusyAndForgetsWhoGaveUp(t *testing.T) {
	l, p := external(t, ledger.Config{AppendTimeout: 300 * time.Millisecond, QueueBytes: 64 << 10})
	p.setHold(true)
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[error]int{}
	for c := range 200 {
		wg.Go(func() {
			_, err := l.Append(t.Context(), numbered(c*10, c*10+9))
			mu.Lock()
			defer mu.Unlock()
			for _, known := range []error{ledger.ErrBusy, ledger.ErrStalled} {
				if assert.Error(t, err) && errors.Is(err, known) {
					count[known]++
				}
			}
		})
	}
	wg.Wait()
	require.NotZero(t, count[ledger.ErrBusy])
	require.NotZero(t, count[ledger.ErrStalled])
	require.Equal(t, 200, count[ledger.ErrBusy]+count[ledger.ErrStalled])
	require.LessOrEqual(t, count[ledger.ErrStalled]*10*1024, 64<<10, "more was queued than the bound allows")

	p.setHold(false)
	require.Eventually(t, func() bool {
		_, err := l.Append(t.Context(), numbered(1, 5))
		return err == nil
	}, 10*time.Second, 50*time.Millisecond, "the queue must be free again")
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
	require.Eventually(t, func() bool { return held.Hits("ledger.commit.before") > 0 }, 10*time.Second, time.Millisecond)
	time.Sleep(100 * time.Millisecond) // the others wait behind it
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
	time.Sleep(50 * time.Millisecond)
	start := time.Now()
	require.NoError(t, b.Close())
	wg.Wait()
	require.Less(t, time.Since(start), 4*time.Second)
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
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("no file system in memory")
	}
	cfg := ledger.Config{Dir: t.TempDir()}
	b := connect(t, cfg)
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	link := filepath.Join(cfg.Dir, "jetstream", "$G", "streams", l.ID().Name, "batches")
	target, err := os.Readlink(link)
	require.NoError(t, err, "batches are not staged in memory")
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
