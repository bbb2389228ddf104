package ledger_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

func TestAcceptedEventsOutliveTheBroker(t *testing.T) {
	cfg := ledger.Config{Dir: t.TempDir()}
	b := connect(t, cfg)
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	appendAll(t, l, numbered(1, 2500))
	id := l.ID()
	require.NoError(t, b.Close())

	again := open(t, cfg)
	require.Equal(t, id, again.ID(), "a restart must not look like a re-created log")
	state, err := again.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, ledger.Position(2500), state.Last)
	got := ids(t, again, 1)
	require.Len(t, got, 2500)
	for i, id := range got {
		require.Equal(t, fmt.Sprint("e", i+1), id)
	}
}

func TestDuplicatesAreLeftOutAndTheRestIsStoredInOrder(t *testing.T) {
	for _, tc := range []struct {
		name string
		n    int // events stored before
	}{
		{"among few, stored one by one", 3},
		{"among many, stored as a batch", 300},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := open(t, ledger.Config{})
			first := appendAll(t, l, numbered(1, tc.n))
			for i, r := range first {
				require.Equal(t, ledger.Receipt{Position: ledger.Position(i + 1)}, r)
			}
			// Half of them again, each followed by a new one, and one new one twice.
			var mixed []string
			for i := 1; i <= tc.n/2+1; i++ {
				mixed = append(mixed, fmt.Sprint("e", i), fmt.Sprint("new", i))
			}
			mixed = append(mixed, "new1")
			receipts := appendAll(t, l, events(mixed...))
			var want []string
			for _, e := range numbered(1, tc.n) {
				want = append(want, e.ID)
			}
			for i, id := range mixed[:len(mixed)-1] {
				if i%2 == 0 {
					require.Equal(t, ledger.Receipt{Position: ledger.Position(i/2 + 1), Duplicate: true}, receipts[i])
					continue
				}
				want = append(want, id)
				require.Equal(t, ledger.Receipt{Position: ledger.Position(len(want))}, receipts[i])
			}
			require.Equal(t, ledger.Receipt{Position: ledger.Position(tc.n + 1), Duplicate: true}, receipts[len(receipts)-1])
			require.Equal(t, want, ids(t, l, 1))
		})
	}
}

func TestAWholeCallRepeatedStoresNothing(t *testing.T) {
	l := open(t, ledger.Config{})
	first := appendAll(t, l, numbered(1, 1500))
	again := appendAll(t, l, numbered(1, 1500))
	for i := range again {
		require.True(t, again[i].Duplicate)
		require.Equal(t, first[i].Position, again[i].Position)
	}
	state, err := l.State(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1500, state.Records)
}

func TestDuplicatesAreKnownAcrossARestartWithinTheWindow(t *testing.T) {
	cfg := ledger.Config{Dir: t.TempDir()}
	b := connect(t, cfg)
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	appendAll(t, l, numbered(1, 20))
	require.NoError(t, b.Close())

	receipts := appendAll(t, open(t, cfg), numbered(11, 30))
	for i, r := range receipts {
		require.Equal(t, ledger.Receipt{Position: ledger.Position(11 + i), Duplicate: i < 10}, r)
	}
}

func TestConcurrentCallersLoseNothingDoubleNothingAndKeepTheirOrder(t *testing.T) {
	const callers, calls, each = 32, 20, 7
	l := open(t, ledger.Config{MaxBatch: 100})
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for k := range calls {
				var evs []feedback.Event
				for i := range each {
					// Two callers say the same: each event arrives twice.
					evs = append(evs, event(fmt.Sprintf("c%d-%03d", c/2, k*each+i)))
				}
				receipts, err := l.Append(t.Context(), evs)
				if !assert.NoError(t, err) {
					return
				}
				for _, r := range receipts {
					assert.NotZero(t, r.Position)
				}
			}
		})
	}
	wg.Wait()
	got := ids(t, l, 1)
	require.Len(t, got, callers/2*calls*each)
	lastOf := map[string]string{}
	for _, id := range got {
		who, _, _ := strings.Cut(id, "-")
		require.Greater(t, id, lastOf[who], "a caller's events must stay in its order")
		lastOf[who] = id
	}
}

func TestOneUnfitEventDoesNotSinkTheOthers(t *testing.T) {
	l := open(t, ledger.Config{})
	huge := event("huge")
	huge.Data = make([]byte, 1<<20)
	refused := event("refused")
	refused.Consent = feedback.ConsentNone
	strange := event("strange")
	strange.Type = "com.example.other"

	receipts, err := l.Append(t.Context(), []feedback.Event{event("a"), huge, event("b"), refused, strange, event("")})
	require.ErrorIs(t, err, ledger.ErrTooLarge)
	require.ErrorIs(t, err, ledger.ErrUnstorable)
	require.ErrorContains(t, err, `"huge"`)
	require.NoError(t, receipts[0].Err)
	require.ErrorIs(t, receipts[1].Err, ledger.ErrTooLarge)
	require.NoError(t, receipts[2].Err)
	require.ErrorIs(t, receipts[3].Err, ledger.ErrUnstorable)
	require.ErrorIs(t, receipts[4].Err, ledger.ErrUnstorable)
	require.ErrorIs(t, receipts[5].Err, ledger.ErrUnstorable)
	require.Equal(t, []string{"a", "b"}, ids(t, l, 1))
}

func TestTheLargestEventThatFitsIsStored(t *testing.T) {
	l := open(t, ledger.Config{})
	big := event("big")
	big.Data = append(append([]byte(`"`), bytes.Repeat([]byte("x"), 1<<20-1000)...), '"')
	appendAll(t, l, append(numbered(1, 20), big))
	s, err := l.Scan(t.Context(), 21)
	require.NoError(t, err)
	defer s.Stop()
	r, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, big.Data, r.Data)
}

func TestStoredEventsReadBackAsTheyWere(t *testing.T) {
	l := open(t, ledger.Config{})
	want := feedback.Event{
		ID: "id%1", Source: "/shop?a=1", Type: feedback.TypePrediction, Subject: "person-1",
		Time: time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC), Consent: feedback.ConsentMeasure,
		Data: []byte(`{"prediction_id":"p"}`),
	}
	appendAll(t, l, []feedback.Event{want})
	require.NoError(t, l.Range(t.Context(), 1, 1, func(r ledger.Raw) error {
		require.Equal(t, "perennial.churn.prediction", r.Subject)
		require.WithinDuration(t, time.Now(), r.Time, time.Minute)
		got, err := feedback.FromHeaders(r.Header, r.Data)
		require.NoError(t, err)
		require.Equal(t, want, got)
		return nil
	}))
}

func TestAFullLogRefusesAndKeepsWhatItHas(t *testing.T) {
	l := open(t, ledger.Config{MaxBytes: 64 << 10})
	var full error
	stored := 0
	for k := 0; full == nil && k < 100; k++ {
		_, full = l.Append(t.Context(), numbered(k*20+1, k*20+20))
		if full == nil {
			stored += 20
		}
	}
	require.ErrorIs(t, full, ledger.ErrFull)
	require.Len(t, ids(t, l, 1), stored)
}

func TestAppendOfNothingStoresNothing(t *testing.T) {
	l := open(t, ledger.Config{})
	receipts, err := l.Append(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, receipts)
}
