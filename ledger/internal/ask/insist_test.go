package ask_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
)

// How long nobody has been there counts from when that began, not from the first question.
func TestWhoInsistsGivesUpOnlyWhereNobodyIsThereForLong(t *testing.T) {
	for _, tc := range []struct {
		name  string
		until time.Duration // there is somebody again
		want  error
		took  time.Duration
	}{
		{"a moment after tries that were lost", 11 * time.Second, nil, 11 * time.Second},
		{"for good", time.Hour, nats.ErrNoResponders, 15 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := ask.Insist(t.Context(), func(ctx context.Context) (int, error) {
					switch since := time.Since(began); {
					case since < 10*time.Second: // an election
						<-ctx.Done()
						return 0, ctx.Err()
					case since < tc.until:
						return 0, nats.ErrNoResponders
					}
					return 1, nil
				})
				require.ErrorIs(t, err, tc.want)
				require.InDelta(t, tc.took.Seconds(), time.Since(began).Seconds(), 0.1)
			})
		})
	}
}
