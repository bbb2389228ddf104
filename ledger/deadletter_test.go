package ledger_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/ledger"
)

func letter(p ledger.Position) ledger.DeadLetter {
	return ledger.DeadLetter{
		Position: p,
		Time:     time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Refusal:  feedback.Refusal{Code: "payload", Field: "data.signal.value", Rule: "must be finite", Detail: "it is\nNaN"},
		Header:   map[string][]string{"ce-id": {"x"}, "Nats-Msg-Id": {"x"}, "odd": {"a\r\nb", "ü"}},
		Body:     []byte{0, 1, 2, 255},
	}
}

func TestDeadLettersReadBackAsTheyWere(t *testing.T) {
	l := open(t, ledger.Config{})
	for _, p := range []ledger.Position{3, 7, 8} {
		require.NoError(t, l.DeadLetter(t.Context(), letter(p)))
	}
	for _, tc := range []struct {
		name  string
		from  ledger.Position
		limit int
		want  []ledger.Position
	}{
		{"all", 1, 100, []ledger.Position{3, 7, 8}},
		{"from one on", 4, 100, []ledger.Position{7, 8}},
		{"no more than asked for", 1, 2, []ledger.Position{3, 7}},
		{"none asked for", 1, 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := l.DeadLetters(t.Context(), tc.from, tc.limit)
			require.NoError(t, err)
			require.Len(t, got, len(tc.want))
			for i, d := range got {
				require.Equal(t, letter(tc.want[i]), d)
			}
		})
	}
}

func TestADeadLetterIsKeptOnceForEver(t *testing.T) {
	cfg := ledger.Config{Dir: t.TempDir(), DuplicateWindow: 100 * time.Millisecond}
	b := connect(t, cfg)
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	require.NoError(t, l.DeadLetter(t.Context(), letter(3)))
	time.Sleep(250 * time.Millisecond)
	require.NoError(t, l.DeadLetter(t.Context(), letter(3)))
	require.NoError(t, b.Close())

	l = open(t, cfg)
	other := letter(3)
	other.Body = []byte("another")
	require.NoError(t, l.DeadLetter(t.Context(), other))
	got, err := l.DeadLetters(t.Context(), 1, 10)
	require.NoError(t, err)
	require.Equal(t, []ledger.DeadLetter{letter(3)}, got)
}

func TestADeadLetterTooLargeToKeepIsCutAndSaysSo(t *testing.T) {
	l := open(t, ledger.Config{})
	d := letter(1)
	d.Body = bytes.Repeat([]byte("b"), 1<<20)
	require.NoError(t, l.DeadLetter(t.Context(), d))
	wide := letter(2)
	wide.Header = map[string][]string{"h": {strings.Repeat("\x00", 60_000)}}
	wide.Refusal.Detail = strings.Repeat("\x01", 100_000)
	require.NoError(t, l.DeadLetter(t.Context(), wide))

	got, err := l.DeadLetters(t.Context(), 1, 10)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Positive(t, got[0].Cut)
	require.Equal(t, 1<<20, got[0].Cut+len(got[0].Body))
	require.Positive(t, got[1].Cut)
	require.Empty(t, got[1].Header)
	require.Equal(t, wide.Body, got[1].Body)
}

func TestADeadLetterNeedsAPosition(t *testing.T) {
	l := open(t, ledger.Config{})
	require.ErrorContains(t, l.DeadLetter(t.Context(), letter(0)), "position: must")
}

func TestAnInterruptedDeadLetterIsFinishedByTheNext(t *testing.T) {
	for _, point := range []string{"ledger.letter.before", "ledger.letter.after"} {
		t.Run(point, func(t *testing.T) {
			fail, err := failpoint.Parse(point + "=error")
			require.NoError(t, err)
			l := open(t, ledger.Config{Failpoints: fail})
			require.ErrorIs(t, l.DeadLetter(t.Context(), letter(5)), failpoint.ErrInjected)
			require.NoError(t, l.DeadLetter(t.Context(), letter(5)))
			got, err := l.DeadLetters(t.Context(), 1, 10)
			require.NoError(t, err)
			require.Equal(t, []ledger.DeadLetter{letter(5)}, got)
		})
	}
}
