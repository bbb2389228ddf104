package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/ledger"
)

func TestCheckTellsALogThatCanBeReadOnFromOneThatCannot(t *testing.T) {
	js := func(l *ledger.Log) jetstream.Stream {
		s, err := l.Broker().JetStream().Stream(t.Context(), l.ID().Name)
		require.NoError(t, err)
		return s
	}
	erase := func(from, to ledger.Position) func(*testing.T, *ledger.Log) {
		return func(t *testing.T, l *ledger.Log) {
			for p := from; p <= to; p++ {
				require.NoError(t, l.Erase(t.Context(), p))
			}
		}
	}
	purge := func(first uint64) func(*testing.T, *ledger.Log) {
		return func(t *testing.T, l *ledger.Log) {
			require.NoError(t, js(l).Purge(t.Context(), jetstream.WithPurgeSequence(first)))
		}
	}
	for _, tc := range []struct {
		name string
		at   ledger.Position
		do   func(*testing.T, *ledger.Log)
		want error
		says string
	}{
		{"nothing happened", 5, nil, nil, ""},
		{"at the very end", 10, nil, nil, ""},
		{"no checkpoint yet", 0, nil, nil, ""},
		{"the log ends before", 11, nil, ledger.ErrTruncated, "roll back to a checkpoint at 10 or before"},
		{"re-created", 0, recreate, ledger.ErrRecreated, "restore that log's folder"},
		{"purged up to the checkpoint", 5, purge(6), nil, ""},
		{"purged beyond it", 5, purge(8), ledger.ErrBeginsAfter, "checkpoint at 7 or after"},
		{"head erased beyond it", 5, erase(1, 8), nil, ""},
		{"all erased", 5, erase(1, 10), nil, ""},
		{"middle erased", 2, erase(3, 6), nil, ""},
		{"end erased", 10, erase(9, 10), nil, ""},
		{"head deleted by other means", 0, func(t *testing.T, l *ledger.Log) {
			require.NoError(t, js(l).SecureDeleteMsg(t.Context(), 1))
		}, ledger.ErrBeginsAfter, "of the 1 records between, 0 were erased"},
		{"middle deleted by other means", 2, func(t *testing.T, l *ledger.Log) {
			require.NoError(t, js(l).SecureDeleteMsg(t.Context(), 3))
		}, nil, ""},
		{"erased, then purged beyond", 2, func(t *testing.T, l *ledger.Log) {
			erase(3, 4)(t, l)
			purge(8)(t, l)
		}, ledger.ErrBeginsAfter, "of the 5 records between, 2 were erased"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := open(t, ledger.Config{})
			appendAll(t, l, numbered(1, 10))
			if tc.do != nil {
				tc.do(t, l)
			}
			err := l.Check(t.Context(), l.ID(), tc.at)
			require.ErrorIs(t, err, tc.want)
			if tc.want != nil {
				require.ErrorContains(t, err, tc.says)
			}
		})
	}
}

func TestAnErasedEndIsNotTakenForATruncatedLogAfterARestart(t *testing.T) {
	cfg := ledger.Config{Dir: t.TempDir()}
	b := connect(t, cfg)
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	appendAll(t, l, numbered(1, 30))
	for p := ledger.Position(25); p <= 30; p++ {
		require.NoError(t, l.Erase(t.Context(), p))
	}
	id := l.ID()
	require.NoError(t, b.Close())
	l = open(t, cfg)
	require.NoError(t, l.Check(t.Context(), id, 30))
	require.Equal(t, ledger.Position(31), appendAll(t, l, numbered(31, 31))[0].Position)
}

func TestALostFolderIsARecreatedLog(t *testing.T) {
	cfg := ledger.Config{Dir: t.TempDir()}
	b := connect(t, cfg)
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	id := l.ID()
	require.NoError(t, b.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(cfg.Dir, "jetstream")))
	require.ErrorIs(t, open(t, cfg).Check(t.Context(), id, 0), ledger.ErrRecreated)
}

func TestOpenRefusesAStreamThatCannotServe(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*jetstream.StreamConfig)
		want error
		says string
	}{
		{"async persistence", func(c *jetstream.StreamConfig) {
			c.PersistMode, c.AllowAtomicPublish = jetstream.AsyncPersistMode, false
		}, ledger.ErrAsyncPersistence, "persist_mode async"},
		{"in memory", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, ledger.ErrIncompatible, "storage must be file"},
		{"drops old records", func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }, ledger.ErrIncompatible, "discard must be new"},
		{"work queue", func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, ledger.ErrIncompatible, "retention must be limits"},
		{"rollups", func(c *jetstream.StreamConfig) { c.AllowRollup = true }, ledger.ErrIncompatible, "allow_rollup_hdrs"},
		{"message expiry", func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }, ledger.ErrIncompatible, "allow_msg_ttl"},
		{"no batches", func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false }, ledger.ErrIncompatible, "allow_atomic"},
		{"no deletion", func(c *jetstream.StreamConfig) { c.DenyDelete = true }, ledger.ErrIncompatible, "deny_delete"},
		{"a subject is missing", func(c *jetstream.StreamConfig) { c.Subjects = c.Subjects[1:] }, ledger.ErrIncompatible, "perennial.churn.prediction"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := open(t, ledger.Config{})
			b := l.Broker()
			s, err := b.JetStream().Stream(t.Context(), l.ID().Name)
			require.NoError(t, err)
			cfg := s.CachedInfo().Config
			require.NoError(t, b.JetStream().DeleteStream(t.Context(), cfg.Name))
			tc.edit(&cfg)
			_, err = b.JetStream().CreateStream(t.Context(), cfg)
			require.NoError(t, err)
			_, err = b.Open(t.Context(), "churn")
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, tc.says)
			require.ErrorIs(t, l.Check(t.Context(), l.ID(), 0), tc.want, "Check must see it too")
		})
	}
}

func TestEraseIsIdempotentAndLeavesNothingOfTheRecord(t *testing.T) {
	l := open(t, ledger.Config{})
	appendAll(t, l, numbered(1, 10))
	require.NoError(t, l.DeadLetter(t.Context(), letter(4)))
	for range 2 {
		require.NoError(t, l.Erase(t.Context(), 4))
	}
	letters, err := l.DeadLetters(t.Context(), 1, 10)
	require.NoError(t, err)
	require.Empty(t, letters, "the dead letter of an erased record must go with it")
	require.NotContains(t, ids(t, l, 1), "e4")
	state, err := l.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, ledger.State{First: 1, Last: 10, Records: 9, Bytes: state.Bytes, Deleted: 1}, state)
	for _, p := range []ledger.Position{0, 11} {
		require.ErrorIs(t, l.Erase(t.Context(), p), ledger.ErrNoRecord)
	}
}

func TestAnInterruptedEraseIsFinishedByTheNext(t *testing.T) {
	for _, point := range []string{"ledger.erase.before", "ledger.erase.marked", "ledger.erase.after"} {
		t.Run(point, func(t *testing.T) {
			fail, err := failpoint.Parse(point + "=error")
			require.NoError(t, err)
			l := open(t, ledger.Config{Failpoints: fail})
			appendAll(t, l, numbered(1, 3))
			require.ErrorIs(t, l.Erase(t.Context(), 1), failpoint.ErrInjected)
			require.NoError(t, l.Check(t.Context(), l.ID(), 0))
			require.NoError(t, l.Erase(t.Context(), 1))
			require.Equal(t, names(2, 3), ids(t, l, 1))
			require.NoError(t, l.Check(t.Context(), l.ID(), 0))
		})
	}
}

func TestTwoProcessesCannotOpenOneFolder(t *testing.T) {
	cfg := ledger.Config{Dir: t.TempDir()}
	b := connect(t, cfg)
	_, err := ledger.Connect(t.Context(), cfg, discard())
	require.ErrorIs(t, err, ledger.ErrLocked)
	require.ErrorContains(t, err, "process ")
	require.NoError(t, b.Close())
	require.NoError(t, b.Close(), "Close may be called twice")
	connect(t, cfg)
	require.False(t, errors.Is(err, os.ErrNotExist))
}
