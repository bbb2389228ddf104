package cursor

import (
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// What cannot be brought about from outside: the broker skips, repeats or goes backwards.
func TestACursorTakesNothingOutOfOrder(t *testing.T) {
	at := func(stream, consumer string) *nats.Msg {
		return &nats.Msg{Subject: "s", Data: []byte("x"), Reply: "$JS.ACK.S.C.1." + stream + "." + consumer + ".1.5"}
	}
	for _, tc := range []struct {
		name string
		msg  *nats.Msg
		ok   bool
	}{
		{"the next", at("11", "4"), true},
		{"the next, after a gap of erased records", at("15", "4"), true},
		{"one was skipped", at("12", "5"), false},
		{"one comes twice", at("10", "3"), false},
		{"an earlier record", at("9", "4"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &Cursor{last: 10, consumer: 3, log: slog.New(slog.DiscardHandler), pulls: []pull{{left: 9}, {left: 9}}}
			m, ok, err := c.accept(tc.msg)
			require.Equal(t, tc.ok, ok)
			if tc.ok {
				require.NoError(t, err)
				require.Equal(t, c.last, m.Sequence)
				return
			}
			require.ErrorIs(t, err, errLost)
			require.EqualValues(t, 10, c.last)
		})
	}
}
