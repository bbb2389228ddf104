package daemon_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/cmd/learner/daemon"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/internal/natstest"
	"github.com/perennial-ml/perennial/ledger"
)

// ids returns the positions of all records in the log, by their event's id.
func ids(t *testing.T, l *ledger.Log) map[string]uint64 {
	t.Helper()
	there := map[string]uint64{}
	require.NoError(t, l.Range(t.Context(), 1, ^ledger.Position(0), func(r ledger.Raw) error {
		there[r.Header["ce-id"][0]] = uint64(r.Position)
		return nil
	}))
	return there
}

func letters(t *testing.T, l *ledger.Log) map[string]feedback.Code {
	t.Helper()
	list, err := l.DeadLetters(t.Context(), 0, 100)
	require.NoError(t, err)
	codes := map[string]feedback.Code{}
	for _, d := range list {
		id := "bare"
		if h := d.Header["ce-id"]; len(h) == 1 {
			id = h[0]
		}
		codes[id] = d.Refusal.Code
	}
	return codes
}

func TestBadAndUnconsentedRecordsByNATSLeaveTheLogToTheGoodOnes(t *testing.T) {
	url, folder := broker(t), t.TempDir()
	yaml := outside(url)
	d := start(t, yaml, folder, daemon.Options{})
	publish := publisher(t, url)
	good := func(i int) string {
		x, y := lesson(i)
		return jsonOf(t, map[string]any{"features": x, "signal": map[string]any{"kind": "label", "value": y}})
	}
	for i := range 40 {
		publish(fmt.Sprint("good-", i), nil, good(i))
		switch i {
		case 10:
			publish("torn", nil, `{"features":`)
			publish("unknown", nil, `{"features":{"colour":3},"signal":{"kind":"label","value":1}}`)
		case 20, 21, 30:
			publish(fmt.Sprint("private-", i), map[string]string{"ce-consent": "none"}, good(i))
		}
	}
	s := d.learned("shop", 40)
	require.Equal(t, uint64(2), s.Learner.Counters["refused"])
	d.durable("shop", 45) // of 45 records and some ticks: all effects up to it are carried out
	d.stop()

	b := dismantle(t, yaml, folder)
	there := ids(t, b.Log)
	for i := range 40 {
		require.Contains(t, there, fmt.Sprint("good-", i))
	}
	for _, i := range []int{20, 21, 30} {
		require.NotContains(t, there, fmt.Sprint("private-", i), "it had no consent")
	}
	state, err := b.Log.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(3), state.Deleted, "gaps")
	require.Equal(t, map[string]feedback.Code{"torn": feedback.CodeMalformed, "unknown": letters(t, b.Log)["unknown"]}, letters(t, b.Log))
	require.NotEmpty(t, letters(t, b.Log)["unknown"])
	b.close()
	recovered, whole := hashes(t, yaml, folder)
	require.Equal(t, whole, recovered, "a scan over the gaps gives the same state")

	d = start(t, yaml, folder, daemon.Options{})
	d.teach("shop", "more-", 40, lesson)
	d.learned("shop", 80)
}

// An erasure that was due when the process died is done after it comes back: no version
// contains the record before.
func TestErasureThatACrashPreventedIsDoneAfterwards(t *testing.T) {
	address := natstest.Address(t)
	folder, yaml := t.TempDir(), fmt.Sprintf("log: {listen: %q}\n", address)+oneModel
	goOn := filepath.Join(t.TempDir(), "go-on")
	held, err := failpoint.Parse("ledger.erase.before=hold:" + goOn)
	require.NoError(t, err)
	d := start(t, yaml, folder, daemon.Options{Points: held})
	release := func() { require.NoError(t, os.WriteFile(goOn, nil, 0o600)) }
	t.Cleanup(release)
	d.durable("shop", d.teach("shop", "a", 40, lesson))
	publish := publisher(t, "nats://"+address)
	publish("private", map[string]string{"ce-consent": "none"}, `{"features":{"x":1},"signal":{"kind":"label","value":1}}`)
	last := d.teach("shop", "b", 40, lesson)
	d.learned("shop", 80)
	time.Sleep(300 * time.Millisecond) // versions are due, and wait
	before := d.status("shop").Learner.Durable
	left := crash(t, folder)
	release()
	d.durable("shop", last)
	d.stop()

	b := dismantle(t, yaml, left)
	require.Greater(t, ids(t, b.Log)["private"], before, "a version contains a record that is not erased yet")
	b.close()
	d = start(t, yaml, left, daemon.Options{})
	d.durable("shop", last)
	d.stop()
	b = dismantle(t, yaml, left)
	require.NotContains(t, ids(t, b.Log), "private")
	b.close()
	recovered, whole := hashes(t, yaml, left)
	require.Equal(t, whole, recovered)
}

// serving runs a server without a learner.
func serving(t *testing.T, yaml string) *running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := parse(t, yaml, t.TempDir())
	return attend(t, ln, func(ctx context.Context) error {
		return daemon.Serve(ctx, cfg, daemon.Options{Logger: discard(), Listener: ln})
	}, func() error { return nil })
}

func TestServerElsewhereServesWhatTheLearnerPublishes(t *testing.T) {
	yaml := outside(broker(t))
	learner := start(t, yaml, t.TempDir(), daemon.Options{})
	server := serving(t, yaml)
	server.teach("shop", "a", 40, lesson)
	want := learner.settled("shop", 40).Channels["stable"].Version
	require.Eventually(t, func() bool {
		return server.status("shop").Channels["stable"].Version == want
	}, patience, 5*time.Millisecond)
	_, p, version := server.predict(3)
	_, q, _ := learner.predict(3)
	require.Equal(t, want, version)
	require.Equal(t, q, p, "the same weights give the same answer")
	learner.await("shop", "what the server recorded", func(s modelStatus) bool { return s.Learner.Counters["predictions"] == 2 })

	require.Nil(t, server.status("shop").Learner)
	var problem struct{ Code string }
	status := server.call(http.MethodPost, "/v1/models/shop/control", "application/json", map[string]any{"action": "pin"}, &problem)
	require.Equal(t, string(feedback.CodeNoLearner), problem.Code)
	require.GreaterOrEqual(t, status, 400)
	require.False(t, learner.status("shop").Learner.Pinned)
}

func TestSecondLearnerTakesOverAndTheFirstStops(t *testing.T) {
	yaml := outside(broker(t))
	first := start(t, yaml, t.TempDir(), daemon.Options{})
	first.teach("shop", "a", 40, lesson)
	want := first.settled("shop", 40)
	server := serving(t, yaml)

	second := start(t, yaml, t.TempDir(), daemon.Options{}) // from the log's start
	err := first.fails()
	require.Error(t, err)
	require.ErrorContains(t, err, "another learner")
	require.ErrorContains(t, err, "shop")
	got := second.settled("shop", 40)
	require.Equal(t, want.Channels, got.Channels)
	second.teach("shop", "b", 40, lesson)
	newest := second.settled("shop", 80).Channels["stable"].Version
	require.Eventually(t, func() bool {
		return server.status("shop").Channels["stable"].Version == newest
	}, patience, 5*time.Millisecond, "servers follow the successor")
}

// A version that was published and never written is, rebuilt, what servers had.
func TestRebuiltVersionHasThePublishedBits(t *testing.T) {
	url, folder := broker(t), t.TempDir()
	yaml := outside(url)
	d := start(t, yaml, folder, daemon.Options{})
	nc, err := nats.Connect(url, nats.Timeout(patience))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	var seen []*hotload.Loaded
	h := hotload.New(hotload.NewNATS(js, "shop", "candidate"),
		hotload.OnSwap(func(_, l *hotload.Loaded) { seen = append(seen, l) }))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Run(ctx) }()
	for i := range 10 { // more than the store keeps
		d.teach("shop", fmt.Sprint("a", i, "-"), 24, lesson)
		candidate := d.learned("shop", uint64(24*(i+1))).Channels["candidate"].Version
		_, err = h.Wait(t.Context(), checkpoint.Version(candidate))
		require.NoError(t, err)
	}
	cancel()
	<-done
	d.stop()

	b := dismantle(t, yaml, folder)
	list, err := b.Store.Versions()
	require.NoError(t, err)
	stored := map[checkpoint.Version]bool{}
	for _, m := range list {
		stored[m.Version] = true
	}
	b.close()
	checked := 0
	for _, l := range seen {
		if stored[l.Version] || l.Version == 0 {
			continue
		}
		b := dismantle(t, yaml, folder)
		_, err := b.Restore(t.Context(), machine.How{Until: l.Version})
		require.NoError(t, err)
		require.NoError(t, b.ScanTo(t.Context(), ledger.Position(l.Version), nil, nil))
		blobs, err := b.Blobs()
		require.NoError(t, err)
		man, err := b.Store.Complete(t.Context(), b.Manifest(), blobs)
		require.NoError(t, err)
		saved, err := b.Store.Get(man.Version)
		require.NoError(t, err)
		weights, err := saved.Weights(nil)
		require.NoError(t, err)
		require.True(t, l.Weights.Equal(weights), "version %d", l.Version)
		saved.Close()
		b.close()
		checked++
	}
	require.NotZero(t, checked, "every published version was written too")
}
