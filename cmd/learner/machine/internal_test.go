package machine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
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
