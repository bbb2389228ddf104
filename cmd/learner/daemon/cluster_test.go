package daemon_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
	"github.com/perennial-ml/perennial/internal/natstest"
)

// A cluster loses a server, and whoever leads the log with it: what was accepted is
// learned once, and versions go on reaching the servers elsewhere.
func TestLearnerAndServersOutliveAServerOfTheCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers and an election")
	}
	cluster := natstest.NewCluster(t, 3)
	yaml := fmt.Sprintf("log: {url: %q, append_timeout: 2s}\n", cluster.URL()) + oneModel
	folder := t.TempDir()
	learner := start(t, yaml, folder, daemon.Options{})
	server := serving(t, yaml)
	insist := func(prefix string) { // as a producer has to: until it is accepted
		var batch []any
		for i := range 40 {
			x, y := lesson(i)
			batch = append(batch, label(fmt.Sprint(prefix, i), x, y))
		}
		require.Eventually(t, func() bool {
			return learner.call(http.MethodPost, "/v1/models/shop/feedback", "application/cloudevents-batch+json", batch, nil) == http.StatusAccepted
		}, 2*patience, 50*time.Millisecond)
	}
	insist("before-")
	learner.settled("shop", 40)

	cluster.Stop(cluster.Leader("PERENNIAL_shop"))
	insist("after-")
	require.Eventually(t, func() bool {
		s := learner.status("shop").Learner
		return s.Counters["learner_learned"] == 80 && s.FreshnessMS == 0
	}, 2*patience, 50*time.Millisecond)
	newest := learner.status("shop").Channels["stable"].Version
	require.Eventually(t, func() bool {
		return server.status("shop").Channels["stable"].Version >= newest
	}, 2*patience, 50*time.Millisecond, "versions do not reach the servers any more")
	server.stop()
	learner.stop()
	recovered, whole := hashes(t, yaml, folder)
	require.Equal(t, whole, recovered)
}
