package daemon_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/ledger"
)

// predict asks for one prediction and returns its id, p(1) and the version that answered.
func (r *running) predict(x float64) (id string, p float64, version uint64) {
	r.t.Helper()
	var answer struct {
		Version string `json:"model_version"`
		Outputs []struct {
			Name string
			Data []any
		}
	}
	status := r.call(http.MethodPost, "/v2/models/shop/infer", "application/json", map[string]any{
		"inputs": []any{map[string]any{"name": "x", "datatype": "FP64", "shape": []int{1, 1}, "data": []float64{x}}},
	}, &answer)
	require.Equal(r.t, http.StatusOK, status)
	for _, o := range answer.Outputs {
		switch o.Name {
		case "prediction_id":
			id, _ = o.Data[0].(string)
		case "probabilities":
			p, _ = o.Data[0].(float64)
		}
	}
	version, err := strconv.ParseUint(answer.Version, 10, 64)
	require.NoError(r.t, err)
	require.NotEmpty(r.t, id)
	return id, p, version
}

func TestFeedbackOnAPredictionChangesTheNextOne(t *testing.T) {
	d := start(t, oneModel, t.TempDir(), daemon.Options{})
	var before float64
	for i := range 60 {
		id, p, _ := d.predict(1)
		if i == 0 {
			before = p
		}
		status := d.call(http.MethodPost, "/v1/feedback", "application/cloudevents+json", map[string]any{
			"specversion": "1.0", "type": "perennial.feedback.v1", "source": "test", "id": fmt.Sprint("outcome-", i),
			"data": map[string]any{"prediction_id": id, "signal": map[string]any{"kind": "label", "value": 1}},
		}, nil)
		require.Equal(t, http.StatusAccepted, status)
	}
	last := d.settled("shop", 60)
	_, after, version := d.predict(1)
	require.Greater(t, after, before, "60 times 1, and it expects no more of it")
	require.NotZero(t, version)
	require.Equal(t, last.Channels["stable"].Version, version)
}

func TestTicksLearnTheRestWhenTrafficPauses(t *testing.T) {
	// On a busy machine records of one post may lie some milliseconds apart.
	yaml := strings.Replace(oneModel, "wait: 5ms", "wait: 500ms", 1)
	d := start(t, yaml, t.TempDir(), daemon.Options{})
	d.teach("shop", "a", 3, lesson) // a micro-batch is four
	s := d.learned("shop", 3)
	require.NotZero(t, s.Learner.Counters["ticks"], "only a tick can have told that the wait is over")
	d.durable("shop", 3) // and only a tick that a version is due
	require.Eventually(t, func() bool {
		last := d.status("shop").Learner.Log.Last
		time.Sleep(1500 * time.Millisecond) // ticks for what stays due are a second apart at most
		return d.status("shop").Learner.Log.Last == last
	}, patience, time.Millisecond, "ticks go on with nothing to do")
}

func TestFreshnessIsTheAgeOfWhatStableLacks(t *testing.T) {
	d := start(t, oneModel, t.TempDir(), daemon.Options{})
	d.teach("shop", "a", 40, lesson)
	d.await("shop", "stable has it all", func(s modelStatus) bool {
		return s.Learner.Counters["learner_learned"] == 40 && s.Learner.FreshnessMS == 0
	})
	d.control("shop", map[string]any{"action": "pin"})
	sent := time.Now()
	d.teach("shop", "b", 40, lesson)
	d.learned("shop", 80)
	s := d.await("shop", "pinned stable falls behind", func(s modelStatus) bool { return s.Learner.FreshnessMS >= 100 })
	require.True(t, s.Learner.Pinned)
	require.Less(t, s.Learner.FreshnessMS, float64(time.Since(sent).Milliseconds()+1000))
	d.control("shop", map[string]any{"action": "promote"})
	d.await("shop", "promoted", func(s modelStatus) bool { return s.Learner.FreshnessMS == 0 })
}

// Beyond the broker's window an id is known by the state alone.
func TestRepeatedEventsChangeNothingBeyondTheBrokersWindow(t *testing.T) {
	folder, yaml := t.TempDir(), "log: {duplicate_window: 100ms}\n"+oneModel
	d := start(t, yaml, folder, daemon.Options{})
	d.teach("shop", "a", 40, lesson)
	d.learned("shop", 40)
	d.durable("shop", 40)
	require.Eventually(t, func() bool {
		d.teach("shop", "a", 40, lesson)
		return d.status("shop").Learner.Counters["duplicates"] >= 40
	}, patience, 150*time.Millisecond, "the broker forgets ids after 100 ms")
	require.Equal(t, uint64(40), d.status("shop").Learner.Counters["learner_learned"])
	d.stop()

	d = start(t, yaml, folder, daemon.Options{})
	known := d.status("shop").Learner.Counters["duplicates"]
	require.Eventually(t, func() bool {
		d.teach("shop", "a", 40, lesson)
		return d.status("shop").Learner.Counters["duplicates"] >= known+40
	}, patience, 150*time.Millisecond, "known after a restart, once the broker forgot them")
	require.Equal(t, uint64(40), d.status("shop").Learner.Counters["learner_learned"])
}

func TestCleanStopUnderLoadLeavesADurableVersion(t *testing.T) {
	folder := t.TempDir()
	d := start(t, oneModel, folder, daemon.Options{})
	quit := make(chan struct{})
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-quit:
					return
				default:
				}
				x, y := lesson(i)
				body := jsonOf(t, label(fmt.Sprintf("c%d-%d", c, i), x, y))
				resp, err := http.Post(d.base+"/v1/feedback", "application/cloudevents+json", strings.NewReader(body))
				if err == nil {
					_ = resp.Body.Close()
				}
			}
		})
	}
	d.durable("shop", 200)
	applied := d.status("shop").Learner.Position
	d.stop() // while they go on
	close(quit)
	clients.Wait()
	http.DefaultClient.CloseIdleConnections()

	b := dismantle(t, oneModel, folder)
	v, err := b.Restore(t.Context(), machine.How{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, uint64(v), applied, "what was applied before the stop is in the last version")
	b.close()
	recovered, whole := hashes(t, oneModel, folder)
	require.Equal(t, whole, recovered)
}

func TestRestartGoesOnWhereTheLastVersionStands(t *testing.T) {
	folder := t.TempDir()
	d := start(t, oneModel, folder, daemon.Options{})
	d.teach("shop", "a", 101, lesson)
	d.stop() // at once: what was accepted is learned first

	b := dismantle(t, oneModel, folder)
	v, err := b.Restore(t.Context(), machine.How{})
	require.NoError(t, err)
	saved, err := b.Store.Get(v)
	require.NoError(t, err)
	man := saved.Manifest()
	saved.Close()
	hash, err := b.Engine.Hash()
	require.NoError(t, err)
	require.Equal(t, man.StateHash, hash, "the manifest names the state")
	require.GreaterOrEqual(t, uint64(v), uint64(101), "the last version lacks what was accepted before the stop")
	b.close()
	recovered, whole := hashes(t, oneModel, folder)
	require.Equal(t, whole, recovered) // at the log's end, which may be a tick further
	b = dismantle(t, oneModel, folder)
	require.NoError(t, b.ScanTo(t.Context(), ledger.Position(v), nil, nil))
	scanned, err := b.Engine.Hash()
	require.NoError(t, err)
	require.Equal(t, scanned, hash)
	b.close()

	d = start(t, oneModel, folder, daemon.Options{})
	d.learned("shop", 101)
	first := d.status("shop").Learner
	require.GreaterOrEqual(t, first.Position, uint64(v), "it stands where the version does, or some ticks further")
	require.Equal(t, uint64(101), first.Counters["learner_learned"])
	d.teach("shop", "b", 50, lesson)
	d.learned("shop", 151)
	d.stop()
	recovered, whole = hashes(t, oneModel, folder)
	require.Equal(t, whole, recovered)
}

// What a crash leaves is an earlier version and a longer log.
func TestCrashBeforeTheNextVersionLosesNothing(t *testing.T) {
	folder := t.TempDir()
	d := start(t, roomy, folder, daemon.Options{})
	d.teach("shop", "a", 100, lesson)
	d.learned("shop", 100)
	first := d.durable("shop", 100).Learner.Durable
	d.durable("shop", d.teach("shop", "b", 100, lesson))
	d.learned("shop", 200)
	left := crash(t, folder)
	d.stop()
	forget(t, roomy, left, first)
	recovered, whole := hashes(t, roomy, left)
	require.Equal(t, whole, recovered)

	d = start(t, roomy, left, daemon.Options{})
	d.learned("shop", 200)
	d.stop()
	again, _ := hashes(t, roomy, left)
	b := dismantle(t, roomy, left)
	_, err := b.Restore(t.Context(), machine.How{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, b.Engine.Position(), uint64(200))
	hash, err := b.Engine.Hash()
	require.NoError(t, err)
	require.Equal(t, again, hash)
}

func TestMetricsPageOfALearnerIsClean(t *testing.T) {
	d := start(t, twoModels, t.TempDir(), daemon.Options{})
	d.teach("left", "a", 50, func(i int) (map[string]any, int) { return map[string]any{"x": i % 3}, i % 2 })
	d.learned("left", 50)
	resp, err := http.Get(d.base + "/metrics")
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	problems, err := promlint.New(resp.Body).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestStopAtOnceIsAsCleanAsAnyOther(t *testing.T) {
	folder := t.TempDir()
	for range 5 {
		start(t, oneModel, folder, daemon.Options{}).stop()
	}
}
