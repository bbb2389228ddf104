package machine

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/ledger"
)

// A person's tag must never be taken for one that goes by itself.
func TestOnlyTagsOfRollbacksAreHolds(t *testing.T) {
	for _, tc := range []struct {
		tag    string
		v      checkpoint.Version
		record ledger.Position
		ok     bool
	}{
		{"rollback-v12", 12, 0, true},
		{"rollback-v12-345", 12, 345, true},
		{"rollback-v0-1", 0, 1, true},
		{"rollback-12", 0, 0, false},
		{"rollback-v12-", 0, 0, false},
		{"rollback-v12-0", 0, 0, false},
		{"rollback-v12-345-6", 0, 0, false},
		{"rollback-v012", 0, 0, false},
		{"rollback-friday", 0, 0, false},
		{"rebuilt-v12", 0, 0, false},
	} {
		v, record, ok := parseHold(tc.tag)
		require.Equal(t, tc.ok, ok, tc.tag)
		require.Equal(t, tc.ok, IsHold(tc.tag), tc.tag)
		if ok {
			require.Equal(t, tc.v, v, tc.tag)
			require.Equal(t, tc.record, record, tc.tag)
			require.Equal(t, tc.tag, holdTag(v, record))
		}
	}
}

// What is sealed is encoded once; what is not, each time.
func TestSealedPartsAreGivenByDigestOnceTheyWereWritten(t *testing.T) {
	part := func(name string, sealed bool) engine.Part {
		return engine.Part{Name: name, MediaType: "application/x-test", Sealed: sealed, Write: func(w io.Writer) error {
			_, err := io.WriteString(w, "content of "+name)
			return err
		}}
	}
	var s seals
	full, open := part("seen-0", true), part("seen-1", false)
	for _, p := range []engine.Part{full, open} {
		b := s.blob(p)
		require.Empty(t, b.Digest, "nothing was written yet")
		var out bytes.Buffer
		require.NoError(t, b.Write(&out))
		require.Equal(t, "content of "+p.Name, out.String())
	}
	_, infos, err := checkpoint.HashBlobs(t.Context(), []checkpoint.Blob{s.blob(full)})
	require.NoError(t, err)
	require.Equal(t, infos[0].Digest, s.blob(full).Digest)
	require.Empty(t, s.blob(open).Digest)

	s.keep([]engine.Part{open})
	require.Empty(t, s.blob(full).Digest, "another lineage may give the name to other bytes")
}
