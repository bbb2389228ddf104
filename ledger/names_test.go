package ledger

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModelNamesThatWouldCollideOrBreakSubjectsAreRefused(t *testing.T) {
	for name, ok := range map[string]bool{
		"churn": true, "churn-2_B": true, "7": true, strings.Repeat("x", 64): true,
		"": false, "a.b": false, "a b": false, "a>": false, "*": false, "-a": false, "_a": false,
		"ü": false, strings.Repeat("x", 65): false, "churn_DEAD": false,
	} {
		require.Equal(t, ok, checkModelName(name) == nil, "name %q", name)
	}
}
