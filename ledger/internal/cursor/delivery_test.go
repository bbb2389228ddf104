package cursor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeliverySubjectsOfBothFormsAreRead(t *testing.T) {
	want := delivery{stream: 42, consumer: 7, nanos: 1700000000000000001, pending: 9}
	for _, tc := range []struct {
		name, reply string
		ok          bool
	}{
		{"old form", "$JS.ACK.S.C.1.42.7.1700000000000000001.9", true},
		{"new form", "$JS.ACK._.hash.S.C.1.42.7.1700000000000000001.9", true},
		{"new form with a token", "$JS.ACK.hub.hash.S.C.1.42.7.1700000000000000001.9.rnd", true},
		{"another subject", "_INBOX.x.1", false},
		{"too short", "$JS.ACK.S.C.1.42.7.9", false},
		{"between the forms", "$JS.ACK.h.S.C.1.42.7.1700000000000000001.9", false},
		{"no number", "$JS.ACK.S.C.1.4x.7.1700000000000000001.9", false},
		{"no position", "$JS.ACK.S.C.1.0.7.1700000000000000001.9", false},
		{"number too long", "$JS.ACK.S.C.1.99999999999999999999.7.1.9", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseDelivery(tc.reply)
			if !tc.ok {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func FuzzDeliverySubject(f *testing.F) {
	f.Add("$JS.ACK.S.C.1.42.7.1700000000000000001.9")
	f.Add("$JS.ACK._.hash.S.C.1.42.7.1700000000000000001.9.rnd")
	f.Fuzz(func(t *testing.T, reply string) {
		d, err := parseDelivery(reply)
		if err == nil && (d.stream == 0 || d.consumer == 0 || d.nanos < 0) {
			t.Fatalf("%q gave %+v", reply, d)
		}
	})
}
