package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/ledger"
)

// Three replicas are the default outside, and one server the usual first try.
func TestASingleServerSaysWhichSettingItNeeds(t *testing.T) {
	server := connect(t, ledger.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	outside := connect(t, ledger.Config{URL: server.ClientURL()})
	_, err := outside.Open(t.Context(), "churn")
	require.ErrorContains(t, err, "with 3 replicas")
	require.ErrorContains(t, err, "set log.replicas to 1")

	outside = connect(t, ledger.Config{URL: server.ClientURL(), Replicas: 1})
	_, err = outside.Open(t.Context(), "churn")
	require.NoError(t, err)
}
