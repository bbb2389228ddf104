package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/ledger"
)

func scan(t *testing.T, l *ledger.Log, from ledger.Position) *ledger.Scan {
	t.Helper()
	s, err := l.Scan(t.Context(), from)
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return s
}

func names(from, to int) []string {
	var out []string
	for _, e := range numbered(from, to) {
		out = append(out, e.ID)
	}
	return out
}

func TestScanBeginsWhereToldAndFollowsTheEnd(t *testing.T) {
	l := open(t, ledger.Config{})
	appendAll(t, l, numbered(1, 30))
	s := scan(t, l, 11)
	require.EqualValues(t, 20, s.Pending())
	require.Equal(t, names(11, 30), next(t, s, 20))
	require.Zero(t, s.Pending())
	appendAll(t, l, numbered(31, 40))
	require.Equal(t, names(31, 40), next(t, s, 10))

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	appendAll(t, l, numbered(41, 41))
	require.Equal(t, names(41, 41), next(t, s, 1), "a Scan must go on after its context ended")

	s.Stop()
	_, err = s.Next(t.Context())
	require.ErrorIs(t, err, ledger.ErrClosed)
}

func TestScanPassesGapsAtHeadMiddleAndTail(t *testing.T) {
	l := open(t, ledger.Config{})
	appendAll(t, l, numbered(1, 12))
	for _, p := range []ledger.Position{1, 2, 6, 7, 11, 12} {
		require.NoError(t, l.Erase(t.Context(), p))
	}
	end, err := l.End(t.Context())
	require.NoError(t, err)
	require.Equal(t, ledger.Position(10), end)
	left := []string{"e3", "e4", "e5", "e8", "e9", "e10"}
	require.Equal(t, left, ids(t, l, 1))
	s := scan(t, l, 1)
	require.Equal(t, left, next(t, s, 6))
	receipts := appendAll(t, l, numbered(13, 13))
	require.Equal(t, ledger.Position(13), receipts[0].Position, "an erased end must not be used again")
	r, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, ledger.Position(13), r.Position)
}

func TestScanGoesOnWhenItsConsumerIsDeleted(t *testing.T) {
	l := open(t, ledger.Config{Consumer: "one"})
	b := l.Broker()
	appendAll(t, l, numbered(1, 10))
	s := scan(t, l, 1)
	require.Equal(t, names(1, 10), next(t, s, 10))
	require.NoError(t, b.JetStream().DeleteConsumer(t.Context(), l.ID().Name, "one"))
	appendAll(t, l, numbered(11, 20))
	require.Equal(t, names(11, 20), next(t, s, 10))
}

func TestScanMissesAndRepeatsNothingWhenItsConnectionBreaks(t *testing.T) {
	const total = 30_000
	l, p := external(t, ledger.Config{PullBytes: 1 << 20})
	for from := 1; from <= total; from += 1000 {
		appendAll(t, l, numbered(from, from+999))
	}
	s := scan(t, l, 1)
	for i := 1; i <= total; i++ {
		require.Equal(t, fmt.Sprint("e", i), next(t, s, 1)[0])
		if i%7_000 == 0 {
			p.cut()
		}
	}
}

func TestASecondScanOfTheSameNameReplacesTheFirst(t *testing.T) {
	l := open(t, ledger.Config{})
	appendAll(t, l, numbered(1, 5))
	first := scan(t, l, 1)
	require.Equal(t, names(1, 5), next(t, first, 5))
	second := scan(t, l, 1)
	_, err := first.Next(t.Context())
	require.ErrorIs(t, err, ledger.ErrReplaced)
	require.ErrorContains(t, err, "consumer name")
	first.Stop()
	require.Equal(t, names(1, 5), next(t, second, 5), "stopping the first must not touch the second")
}

func TestScanEndsWhenItsStreamIsReCreated(t *testing.T) {
	l := open(t, ledger.Config{})
	appendAll(t, l, numbered(1, 5))
	s := scan(t, l, 1)
	require.Equal(t, names(1, 5), next(t, s, 5))
	recreate(t, l)
	_, err := s.Next(t.Context())
	require.ErrorIs(t, err, ledger.ErrRecreated)
}

// recreate deletes the log's stream and makes an empty one with the same settings.
func recreate(t *testing.T, l *ledger.Log) {
	js := l.Broker().JetStream()
	old, err := js.Stream(t.Context(), l.ID().Name)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), l.ID().Name))
	_, err = js.CreateStream(t.Context(), old.CachedInfo().Config)
	require.NoError(t, err)
}

func TestRangeEndsWhereItShould(t *testing.T) {
	l := open(t, ledger.Config{})
	var none []string
	require.Equal(t, none, ids(t, l, 1), "an empty log")
	appendAll(t, l, numbered(1, 20))
	require.NoError(t, l.Erase(t.Context(), 20))
	require.NoError(t, l.Erase(t.Context(), 19))
	for _, tc := range []struct {
		name     string
		from, to ledger.Position
		want     []string
	}{
		{"all, though the end is erased", 0, 1000, names(1, 18)},
		{"up to an erased end", 15, 20, names(15, 18)},
		{"only what is erased", 19, 20, nil},
		{"one", 7, 7, names(7, 7)},
		{"the middle", 5, 8, names(5, 8)},
		{"beyond the end", 21, 30, nil},
		{"backwards", 8, 5, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			require.NoError(t, l.Range(t.Context(), tc.from, tc.to, func(r ledger.Raw) error {
				got = append(got, r.Header["ce-id"][0])
				return nil
			}))
			require.Equal(t, tc.want, got)
		})
	}
}

func TestRangeEndsThoughItsRestIsErasedMeanwhile(t *testing.T) {
	l := open(t, ledger.Config{})
	appendAll(t, l, numbered(1, 9000)) // more than the pulls that run ahead
	seen := 0
	require.NoError(t, l.Range(t.Context(), 1, 9000, func(r ledger.Raw) error {
		if seen++; seen == 1 {
			s, err := l.Broker().JetStream().Stream(t.Context(), l.ID().Name)
			require.NoError(t, err)
			require.NoError(t, s.Purge(t.Context(), jetstream.WithPurgeSequence(9001)))
		}
		return nil
	}))
	require.GreaterOrEqual(t, seen, 1)
}

func TestRangesRunBesideEachOtherAndAScan(t *testing.T) {
	l := open(t, ledger.Config{})
	appendAll(t, l, numbered(1, 500))
	s := scan(t, l, 1)
	stop := errors.New("stop")
	inner := 0
	err := l.Range(t.Context(), 1, 500, func(outer ledger.Raw) error {
		if outer.Position == 100 {
			inner = len(ids(t, l, 1))
		}
		if outer.Position == 400 {
			return stop
		}
		return nil
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, 500, inner)
	require.Equal(t, names(1, 500), next(t, s, 500))
}
