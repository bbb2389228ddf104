package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzDeadLetter(f *testing.F) {
	f.Add("perennial.m.dead.3", "2026-01-02T03:04:05Z", `{"code":"x"}`, `{"a":["b"]}`, "7", []byte("body"))
	f.Fuzz(func(t *testing.T, subject, at, refusal, header, cut string, body []byte) {
		d, err := decodeLetter(Raw{Subject: subject, Data: body, Header: map[string][]string{
			headerDeadTime: {at}, headerDeadRefusal: {refusal}, headerDeadHeader: {header}, headerDeadCut: {cut},
		}})
		if err != nil {
			return
		}
		// What can be read can be written again, and reads the same.
		m, err := encodeLetter("m", d, 1<<20)
		require.NoError(t, err)
		again, err := decodeLetter(Raw{Subject: m.Subject, Header: m.Header, Data: m.Data})
		require.NoError(t, err)
		require.Equal(t, d.Position, again.Position)
		require.True(t, d.Time.Equal(again.Time))
	})
}
