package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/serve"
)

// A client that knows the Open Inference Protocol and CloudEvents, and nothing of this
// code, predicts, sends feedback and sees the version advance: over the real log, the
// real models and the real hot load.
func TestProtocolClientAgainstTheRealRooms(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	broker, err := ledger.Connect(ctx, ledger.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, broker.Close()) }()
	log, err := broker.Open(ctx, "m")
	require.NoError(t, err)

	d := dictionary(t)
	spec := models.Spec{Kind: "mlp", Task: models.Binary, Dense: d.Dense(), Categories: d.Categories(), Hidden: []int{16, 16}}
	raw, err := json.Marshal(spec)
	require.NoError(t, err)
	model, err := models.New(spec, 8)
	require.NoError(t, err)
	channel := &hotload.Memory{}
	handle := hotload.New(channel)
	var loading sync.WaitGroup
	loading.Go(func() { _ = handle.Run(ctx) })
	defer loading.Wait()
	defer cancel()
	offer := func(v checkpoint.Version, seed uint64) {
		model.Init(rand.New(rand.NewPCG(seed, 0)))
		channel.Offer(v, raw, model.Params().Freeze())
		_, err := handle.Wait(ctx, v)
		require.NoError(t, err)
	}
	offer(1, 1)

	decoder, err := feedback.NewDecoder(feedback.DecoderConfig{Dictionary: d, DefaultConsent: feedback.ConsentLearn, Task: feedback.TaskBinary})
	require.NoError(t, err)
	server, err := serve.New(serve.Config{}, []serve.Model{{Name: "m", Dictionary: d, Spec: spec, Stable: handle, Decoder: decoder, Log: log}}, serve.Options{})
	require.NoError(t, err)
	url, stop := start(t, server)

	predict := func(i int) (id, version string, p float64) {
		body := fmt.Sprintf(`{"id":"r%d","parameters":{"subject":"person-%d"},"inputs":[
			{"name":"a","datatype":"FP32","shape":[1],"data":[%d.5]},
			{"name":"c","datatype":"BYTES","shape":[1],"data":["colour-%d"]},
			{"name":"v","datatype":"FP32","shape":[1,2],"data":[0.1,-0.2]}]}`, i, i, i%3, i%5)
		got := call(t, http.MethodPost, url+"/v2/models/m/infer", body, "Content-Type", "application/json")
		require.Equal(t, http.StatusOK, got.status, got.body)
		var in inference
		got.decode(t, &in)
		return output[string](t, in, "prediction_id")[0], in.ModelVersion, output[float64](t, in, "probabilities")[0]
	}
	var outcomes []string
	ids := map[string]bool{}
	for i := range 20 {
		id, version, p := predict(i)
		require.Equal(t, "1", version)
		require.True(t, p > 0 && p < 1)
		ids[id] = true
		outcomes = append(outcomes, event(fmt.Sprintf("outcome-%d", i), "learn", fmt.Sprintf(`{"prediction_id":%q,"signal":{"kind":"label","value":%d}}`, id, i%2)))
	}
	got := call(t, http.MethodPost, url+"/v1/feedback", "["+strings.Join(append(outcomes, bad("bad"), outcomes[0]), ",")+"]", "Content-Type", batched)
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	var a ingestAnswer
	got.decode(t, &a)
	require.Equal(t, []int{21, 1}, []int{a.Accepted, a.Refused})
	require.True(t, a.Results[21].Duplicate)

	_, _, before := predict(0)
	offer(2, 2)
	_, version, after := predict(0)
	require.Equal(t, "2", version)
	require.NotEqual(t, before, after)
	require.NoError(t, stop(), "and what was queued is appended")

	state, err := log.State(ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(42), state.Records, "22 predictions and 20 outcomes")
	predictions, joined := 0, 0
	err = log.Range(ctx, 1, state.Last, func(r ledger.Raw) error {
		e, err := feedback.FromHeaders(r.Header, r.Data)
		if err != nil {
			return err
		}
		rec, err := decoder.Decode(e)
		if err != nil {
			return err // whatever is served or accepted can be learned from
		}
		switch {
		case rec.Prediction != nil:
			predictions++
		case ids[rec.Feedback.PredictionID]:
			joined++
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []int{22, 20}, []int{predictions, joined})
}

// The cost of one row over the real models, while the version changes underneath.
func BenchmarkInferRealModel(b *testing.B) {
	d := dictionary(b)
	decoder, err := feedback.NewDecoder(feedback.DecoderConfig{Dictionary: d, DefaultConsent: feedback.ConsentLearn, Task: feedback.TaskBinary})
	require.NoError(b, err)
	spec := models.Spec{Kind: "mlp", Task: models.Binary, Dense: d.Dense(), Categories: d.Categories(), Hidden: []int{64, 64}}
	raw, err := json.Marshal(spec)
	require.NoError(b, err)
	model, err := models.New(spec, 1)
	require.NoError(b, err)
	model.Init(rand.New(rand.NewPCG(1, 2)))
	for _, every := range []int{0, 1, 100} {
		b.Run("swap_every_"+strconv.Itoa(every), func(b *testing.B) {
			stable := &source{}
			stable.at.Store(&hotload.Loaded{Version: 1, Spec: raw, Weights: model.Params().Freeze()})
			server, err := serve.New(serve.Config{Record: serve.Record{Mode: serve.RecordDurable}},
				[]serve.Model{{Name: "m", Dictionary: d, Spec: spec, Stable: stable, Decoder: decoder, Log: discard{}}}, serve.Options{})
			require.NoError(b, err)
			body := inferBody(`"parameters":{"subject":"s1"},`, 1)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if every > 0 && i%every == 0 {
					stable.at.Store(&hotload.Loaded{Version: checkpoint.Version(i), Spec: raw, Weights: model.Params().Freeze()})
				}
				w := httptest.NewRecorder()
				server.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", strings.NewReader(body)))
				if w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
			}
		})
	}
}
