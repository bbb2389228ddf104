package ask_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
)

func TestAQuestionIsPutAgainOnlyWhereNoAnswerCame(t *testing.T) {
	refused := errors.New("refused")
	for _, tc := range []struct {
		name  string
		first error
		tries int
		want  error
	}{
		{"answered", nil, 1, nil},
		{"refused", refused, 1, refused},
		{"nobody there", nats.ErrNoResponders, 2, nil},
		{"no answer", nats.ErrTimeout, 2, nil},
		{"no answer within a try", context.DeadlineExceeded, 2, nil},
	} {
		for name, put := range map[string]func(context.Context, func(context.Context) (int, error)) (int, error){
			"again": ask.Again[int], "insist": ask.Insist[int],
		} {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				tries := 0
				_, err := put(t.Context(), func(context.Context) (int, error) {
					if tries++; tries == 1 {
						return 0, tc.first
					}
					return 1, nil
				})
				require.ErrorIs(t, err, tc.want)
				require.Equal(t, tc.tries, tries)
			})
		}
	}
}

func TestNoWaitOutlastsItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := ask.Again(ctx, func(context.Context) (int, error) { return 0, nats.ErrNoResponders })
	require.ErrorIs(t, err, nats.ErrNoResponders)
	require.False(t, ask.Sleep(ctx, time.Hour))
}
