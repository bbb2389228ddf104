package daemon_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
	"github.com/perennial-ml/perennial/internal/natstest"
)

// The settings of log reach every connection that a learner and a server make: the log's,
// the scan's, and those that publish and follow versions.
func TestLearnerAndServerWorkBehindTLSAndCredentials(t *testing.T) {
	authority, operator := natstest.NewAuthority(t, "ours"), natstest.NewOperator(t)
	url := natstest.Server(t, authority.Secure, operator.Guard).ClientURL()
	yaml := func(ca, credentials string, pair natstest.Pair) string {
		return fmt.Sprintf("log: {url: %q, replicas: 1, credentials: %q, tls: {ca: %q, cert: %q, key: %q}}\n",
			url, credentials, ca, pair.Cert, pair.Key) + oneModel
	}
	pair, user := authority.Sign("learner"), operator.Credentials("learner")
	good := yaml(authority.CA, user, pair)

	folder := t.TempDir()
	learner := start(t, good, folder, daemon.Options{})
	server := serving(t, good)
	server.teach("shop", "a", 40, lesson)
	want := learner.settled("shop", 40).Channels["stable"].Version
	require.Eventually(t, func() bool {
		return server.status("shop").Channels["stable"].Version == want
	}, patience, 5*time.Millisecond)
	server.stop()
	learner.stop()

	other, stranger := natstest.NewAuthority(t, "other"), natstest.NewOperator(t).Credentials("stranger")
	require.ErrorContains(t, refuses(t, yaml(other.CA, user, pair), folder), "log.tls.ca did not sign")
	require.ErrorContains(t, refuses(t, yaml(authority.CA, user, other.Sign("learner")), folder), "log.tls.cert")
	require.ErrorContains(t, refuses(t, yaml(authority.CA, stranger, pair), folder), "user of log.credentials")
}
