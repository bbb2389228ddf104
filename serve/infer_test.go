package serve_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/serve"
)

func TestInferenceAnswersAndRecordsTheSameThing(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	in := f.infer(t, "/v2/models/m/infer", `{"id":"req 1","parameters":{"subject":"s1","segment.country":"de","flags":{"new":"on"}},"inputs":[
		{"name":"a","datatype":"FP32","shape":[1],"data":[0.250]},
		{"name":"c","datatype":"BYTES","shape":[1],"data":["x"]},
		{"name":"v","datatype":"FP32","shape":[1,2],"data":[[1,-1]]}]}`)

	require.Equal(t, "m", in.ModelName)
	require.Equal(t, "7", in.ModelVersion)
	require.Equal(t, "req 1", in.ID)
	require.Equal(t, "stable", in.Parameters["channel"])
	p := output[float64](t, in, "probabilities")
	require.InDelta(t, 1/(1+math.Exp(-0.25)), p[0], 1e-6)
	require.Equal(t, []int64{1}, output[int64](t, in, "label"))
	id := output[string](t, in, "prediction_id")[0]
	require.Equal(t, id, in.Parameters["prediction_id"])

	events := f.log.all()
	require.Len(t, events, 1)
	require.Equal(t, "prediction:"+id, events[0].ID, "a feedback event of the same id would pass for it")
	require.Equal(t, "s1", events[0].Subject)
	require.Equal(t, feedback.ConsentLearn, events[0].Consent, "the default consent is resolved when the event is recorded")
	got := f.log.predictions(t)[0]
	require.Equal(t, id, got.ID)
	require.Equal(t, `{"a":0.250,"c":"x","v":[1,-1]}`, string(got.Features), "features are recorded as the caller wrote them")
	require.Equal(t, p, got.Outputs, "outputs are recorded as they were answered")
	require.Equal(t, uint64(7), got.Version)
	require.Equal(t, map[string]string{"country": "de"}, got.Segments)
	require.Equal(t, map[string]string{"new": "on"}, got.Flags)
	require.Nil(t, got.Propensity, "nothing was randomised")
}

func TestRowsKeepTheirOwnIdentity(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	in := f.infer(t, "/v2/models/m/infer", inferBody(`"parameters":{"subjects":["x","y"],"prediction_ids":["p1","p2"],"segments":[{"k":"1"},{"k":"2"}],"consent":"measure"},`, 1, -1))
	require.Equal(t, []string{"p1", "p2"}, output[string](t, in, "prediction_id"))
	require.Equal(t, []int64{1, 0}, output[int64](t, in, "label"))
	events := f.log.all()
	require.Len(t, events, 2)
	for i, e := range events {
		require.Equal(t, []string{"x", "y"}[i], e.Subject)
		require.Equal(t, feedback.ConsentMeasure, e.Consent)
		require.Equal(t, strconv.Itoa(i+1), f.log.predictions(t)[i].Segments["k"])
	}
}

func TestPredictionsThatMayNotBeKeptLeaveNoTrace(t *testing.T) {
	for _, parameters := range []string{`{"consent":"none"}`, `{"record":false}`} {
		f := setup(t, serve.Config{Traffic: serve.Traffic{Shadow: true}}, func(f *fixture) {
			f.candidate.at.Store(weights(9, 1, f.spec))
		})
		in := f.infer(t, "/v2/models/m/infer", inferBody(`"parameters":`+parameters+`,`, 1))
		require.NotEmpty(t, output[string](t, in, "prediction_id")[0])
		require.Empty(t, f.log.all(), parameters)
	}
	t.Run("none by default", func(t *testing.T) {
		f := setup(t, serve.Config{}, func(f *fixture) {
			var err error
			f.model.Decoder, err = feedback.NewDecoder(feedback.DecoderConfig{Dictionary: f.model.Dictionary, DefaultConsent: feedback.ConsentNone, Task: feedback.TaskBinary})
			require.NoError(t, err)
		})
		f.infer(t, "/v2/models/m/infer", inferBody("", 1))
		require.Empty(t, f.log.all())
		f.infer(t, "/v2/models/m/infer", inferBody(`"parameters":{"consent":"learn"},`, 1))
		require.Len(t, f.log.all(), 1)
	})
}

func TestCanarySplitsBySubjectAndRecordsThePropensity(t *testing.T) {
	f := setup(t, serve.Config{Traffic: serve.Traffic{Candidate: 0.25}}, func(f *fixture) {
		f.candidate.at.Store(weights(9, 5, f.spec))
	})
	var subjects, a []string
	for i := range 1000 {
		subjects = append(subjects, strconv.Quote("s"+strconv.Itoa(i)))
		a = append(a, "0")
	}
	body := `{"parameters":{"subjects":[` + strings.Join(subjects, ",") + `]},"inputs":[{"name":"a","datatype":"FP32","shape":[1000],"data":[` + strings.Join(a, ",") + `]}]}`
	in := f.infer(t, "/v2/models/m/infer", body)
	channels := output[string](t, in, "channel")
	versions := output[uint64](t, in, "model_version")
	p := output[float64](t, in, "probabilities")
	require.Empty(t, in.ModelVersion, "no single version answered")
	n := 0
	for i, c := range channels {
		if c == serve.Candidate {
			n++
			require.Equal(t, uint64(9), versions[i])
			require.InDelta(t, 0.9933, p[i], 1e-3)
		} else {
			require.Equal(t, uint64(7), versions[i])
			require.InDelta(t, 0.5, p[i], 1e-6)
		}
	}
	require.InDelta(t, 250, n, 60)
	require.Equal(t, channels, output[string](t, f.infer(t, "/v2/models/m/infer", body), "channel"), "a subject stays with its channel")
	for i, rec := range f.log.predictions(t)[:1000] {
		want := 0.75
		if channels[i] == serve.Candidate {
			want = 0.25
		}
		require.Equal(t, want, *rec.Propensity)
	}
}

func TestShadowAnswersAreRecordedAndNotServed(t *testing.T) {
	f := setup(t, serve.Config{Traffic: serve.Traffic{Shadow: true}}, func(f *fixture) {
		f.candidate.at.Store(weights(9, 5, f.spec))
	})
	in := f.infer(t, "/v2/models/m/infer", inferBody("", 0))
	require.Equal(t, "7", in.ModelVersion)
	require.InDelta(t, 0.5, output[float64](t, in, "probabilities")[0], 1e-6)
	got := f.log.predictions(t)
	require.Len(t, got, 2)
	require.Equal(t, []string{serve.Stable, serve.Shadow}, []string{got[0].Channel, got[1].Channel})
	require.Equal(t, got[0].ID+".shadow", got[1].ID)
	require.Equal(t, uint64(9), got[1].Version)
	require.InDelta(t, 0.9933, got[1].Outputs[0], 1e-3)
}

func TestAPredictionIDIsCheckedWhereTheCallerWroteIt(t *testing.T) {
	f := setup(t, serve.Config{Traffic: serve.Traffic{Shadow: true}}, func(f *fixture) {
		f.candidate.at.Store(weights(9, 1, f.spec))
	})
	longest := strings.Repeat("x", 256-len("prediction:")-len(".shadow"))
	f.infer(t, "/v2/models/m/infer", inferBody(`"parameters":{"prediction_id":"`+longest+`"},`, 1))
	require.Len(t, f.log.all(), 2, "the longest id leaves no room for the shadow's")
	for _, tc := range []struct{ parameter, value, field string }{
		{"prediction_id", `"` + longest + `y"`, "parameters.prediction_id"},
		{"prediction_id", `""`, "parameters.prediction_id"},
		{"prediction_id", `"a b"`, "parameters.prediction_id"},
		{"prediction_ids", `["` + longest + `y"]`, "parameters.prediction_ids"},
		{"prediction_ids", `["é"]`, "parameters.prediction_ids"},
	} {
		got := call(t, http.MethodPost, f.url+"/v2/models/m/infer", inferBody(`"parameters":{"`+tc.parameter+`":`+tc.value+`},`, 1), "Content-Type", "application/json")
		require.Equal(t, http.StatusBadRequest, got.status, got.body)
		var p struct{ Code, Field, Rule string }
		got.decode(t, &p)
		require.Equal(t, tc.field, p.Field, got.body)
		require.Contains(t, p.Rule, "must have 1 to 238 printable ASCII characters")
	}
	require.Len(t, f.log.all(), 2)
}

func TestARefusedShadowEventIsCountedAndFailsNobody(t *testing.T) {
	for name, tc := range map[string]struct {
		bias   float32
		refuse string
	}{
		"by the decoder": {float32(math.NaN()), ""},
		"by the log":     {1, "prediction:p1.shadow"},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t, serve.Config{Traffic: serve.Traffic{Shadow: true}}, func(f *fixture) {
				f.candidate.at.Store(weights(9, tc.bias, f.spec))
				f.log.refuse = tc.refuse
			})
			f.infer(t, "/v2/models/m/infer", inferBody(`"parameters":{"prediction_id":"p1"},`, 1))
			require.Len(t, f.log.all(), 1)
			text := call(t, http.MethodGet, f.url+"/metrics", "").body
			require.Contains(t, text, `perennial_serve_shadow_errors_total{model="m"} 1`)
			require.Contains(t, text, `perennial_serve_predictions_recorded_total{model="m"} 1`)
		})
	}
	f := setup(t, serve.Config{Traffic: serve.Traffic{Shadow: true}}, func(f *fixture) {
		f.candidate.at.Store(weights(9, 1, f.spec))
		f.log.refuse = "prediction:p1"
	})
	got := call(t, http.MethodPost, f.url+"/v2/models/m/infer", inferBody(`"parameters":{"prediction_id":"p1"},`, 1), "Content-Type", "application/json")
	require.NotEqual(t, http.StatusOK, got.status, "the answer's own event is lost without a word")
}

func TestPathNamesTheVersion(t *testing.T) {
	f := setup(t, serve.Config{}, func(f *fixture) { f.candidate.at.Store(weights(9, 5, f.spec)) })
	for _, tc := range []struct{ path, version, channel string }{
		{"7", "7", serve.Stable}, {"9", "9", serve.Candidate}, {"stable", "7", serve.Stable}, {"candidate", "9", serve.Candidate},
	} {
		in := f.infer(t, "/v2/models/m/versions/"+tc.path+"/infer", inferBody("", 0))
		require.Equal(t, tc.version, in.ModelVersion)
		require.Equal(t, tc.channel, in.Parameters["channel"])
	}
	for _, p := range f.log.predictions(t) {
		require.Nil(t, p.Propensity, "the caller chose")
	}
	got := call(t, http.MethodPost, f.url+"/v2/models/m/versions/8/infer", inferBody("", 0))
	require.Equal(t, http.StatusNotFound, got.status)
	require.Contains(t, got.body, `"code":"version_not_loaded"`)
}

func TestOutputsAskedForAreTheOutputsGiven(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	in := f.infer(t, "/v2/models/m/infer", inferBody(`"outputs":[{"name":"label"}],`, 1))
	require.Len(t, in.Outputs, 1)
	require.Equal(t, "label", in.Outputs[0].Name)
	got := call(t, http.MethodPost, f.url+"/v2/models/m/infer", inferBody(`"outputs":[{"name":"value"}],`, 1))
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Len(t, f.log.all(), 1, "a refused request records nothing")
}

func TestRefusedInferencesNameCodeFieldAndRule(t *testing.T) {
	f := setup(t, serve.Config{Limits: serve.Limits{Rows: 2, Body: 2048}}, nil)
	for _, tc := range []struct {
		name, path, body string
		status           int
		code, field      string
	}{
		{"not JSON", "m", `{`, 400, "infer_malformed", "body"},
		{"unknown model", "x", inferBody("", 1), 404, "model_unknown", "model"},
		{"missing feature", "m", `{"inputs":[{"name":"b","datatype":"FP32","shape":[1],"data":[1]}]}`, 400, "feature_missing", "inputs.a"},
		{"unknown feature", "m", `{"inputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1]},{"name":"z","datatype":"FP32","shape":[1],"data":[1]}]}`, 400, "feature_unknown", "inputs.z"},
		{"not finite", "m", `{"inputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1e999]}]}`, 400, "feature_invalid", "inputs.a"},
		{"too many rows", "m", inferBody("", 1, 2, 3), 413, "too_many", "inputs[0].shape"},
		{"body too large", "m", inferBody(`"x":"`+strings.Repeat("y", 4000)+`",`, 1), 413, "body_too_large", "body"},
		{"subjects that do not fit the rows", "m", inferBody(`"parameters":{"subjects":["x"]},`, 1, 2), 400, "parameter", "parameters.subjects"},
		{"one id for two rows", "m", inferBody(`"parameters":{"prediction_id":"x"},`, 1, 2), 400, "parameter", "parameters.prediction_id"},
		{"the same id twice", "m", inferBody(`"parameters":{"prediction_ids":["x","x"]},`, 1, 2), 400, "parameter", "parameters.prediction_ids"},
		{"a consent that is none of the three", "m", inferBody(`"parameters":{"consent":"maybe"},`, 1), 400, "parameter", "parameters.consent"},
		{"an empty prediction id", "m", inferBody(`"parameters":{"prediction_id":""},`, 1), 400, "parameter", "parameters.prediction_id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := call(t, http.MethodPost, f.url+"/v2/models/"+tc.path+"/infer", tc.body)
			require.Equal(t, tc.status, got.status, got.body)
			var e struct{ Error, Code, Field, Rule string }
			got.decode(t, &e)
			require.Equal(t, tc.code, e.Code, got.body)
			require.Equal(t, tc.field, e.Field, got.body)
			require.NotEmpty(t, e.Error)
			require.NotEmpty(t, e.Rule)
		})
	}
	require.Empty(t, f.log.all())
}

func TestDurableRecordingFailsTheRequestWhenTheLogDoes(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	for _, tc := range []struct {
		err    error
		status int
	}{{ledger.ErrBusy, 429}, {ledger.ErrStalled, 503}, {ledger.ErrFull, 507}, {ledger.ErrClosed, 503}} {
		f.log.fail(tc.err)
		got := call(t, http.MethodPost, f.url+"/v2/models/m/infer", inferBody("", 1))
		require.Equal(t, tc.status, got.status)
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
}

func TestNoVersionYetIsNotReady(t *testing.T) {
	f := setup(t, serve.Config{}, func(f *fixture) { f.stable.at.Store(nil) })
	got := call(t, http.MethodPost, f.url+"/v2/models/m/infer", inferBody("", 1))
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	require.Equal(t, http.StatusServiceUnavailable, call(t, http.MethodGet, f.url+"/v2/health/ready", "").status)
	require.Equal(t, http.StatusOK, call(t, http.MethodGet, f.url+"/v2/health/live", "").status)
	f.stable.at.Store(weights(1, 0, f.spec))
	require.Equal(t, http.StatusOK, call(t, http.MethodGet, f.url+"/v2/models/m/ready", "").status)
}

// A load balancer must not send requests to a model that has yet to learn what its log holds.
func TestALearnerThatCatchesUpIsNotReady(t *testing.T) {
	var caughtUp atomic.Bool
	f := setup(t, serve.Config{}, func(f *fixture) { f.model.CaughtUp = caughtUp.Load })
	require.Equal(t, http.StatusServiceUnavailable, call(t, http.MethodGet, f.url+"/v2/health/ready", "").status)
	require.Equal(t, http.StatusOK, call(t, http.MethodPost, f.url+"/v2/models/m/infer", inferBody("", 1)).status, "it answers all the same")
	caughtUp.Store(true)
	require.Equal(t, http.StatusOK, call(t, http.MethodGet, f.url+"/v2/health/ready", "").status)
}

// A version is swapped all the time; each answer must come from one of them whole.
func TestRequestSeesOneVersionFromStartToEnd(t *testing.T) {
	f := setup(t, serve.Config{Limits: serve.Limits{Predictors: 3}}, nil)
	f.stable.at.Store(weights(0, 0, f.spec)) // the rule that the test goes by
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for v := uint64(0); ; v++ {
			select {
			case <-stop:
				return
			default:
				f.stable.at.Store(weights(v, float32(v%16), f.spec))
			}
		}
	})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			zeros := make([]float64, 150) // more than one step of a predictor
			for range 40 {
				in := f.infer(t, "/v2/models/m/infer", inferBody("", zeros...))
				version, err := strconv.ParseUint(in.ModelVersion, 10, 64)
				if err != nil {
					t.Error(err)
					return
				}
				want := 1 / (1 + math.Exp(-float64(version%16)))
				for _, p := range output[float64](t, in, "probabilities") {
					if math.Abs(p-want) > 1e-6 {
						t.Errorf("version %d answered %v, not %v", version, p, want)
						return
					}
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	swapping.Wait()
}

func TestMulticlassAndRegressionNameTheirOutputs(t *testing.T) {
	for _, tc := range []struct {
		task  models.Task
		name  string
		shape []int
	}{{models.Multiclass, "probabilities", []int{1, 3}}, {models.Regression, "value", []int{1, 1}}} {
		f := setup(t, serve.Config{}, func(f *fixture) {
			f.spec.Task = tc.task
			dc := feedback.DecoderConfig{Dictionary: f.model.Dictionary, DefaultConsent: feedback.ConsentLearn, Task: string(tc.task)}
			if tc.task == models.Multiclass {
				f.spec.Classes, dc.Classes = 3, 3
			}
			f.model.Spec = f.spec
			var err error
			f.model.Decoder, err = feedback.NewDecoder(dc)
			require.NoError(t, err)
			f.stable.at.Store(weights(1, -0.6931472, f.spec)) // 1/3 for each of three classes
		})
		in := f.infer(t, "/v2/models/m/infer", inferBody("", 0))
		require.Equal(t, tc.name, in.Outputs[0].Name)
		require.Equal(t, tc.shape, in.Outputs[0].Shape)
		require.Len(t, f.log.predictions(t)[0].Outputs, tc.shape[1])
	}
}

func TestRowsAreAnsweredAmongTheClassesOfTheirHead(t *testing.T) {
	f := setup(t, serve.Config{}, func(f *fixture) {
		f.spec.Task, f.spec.Classes = models.Multiclass, 4
		f.model.Spec = f.spec
		heads := map[string][]float32{"one": {1, 1, 0, 0}, "two": {0, 0, 1}}
		f.model.Classes = func(segments map[string]string) []float32 { return heads[segments["task"]] }
		var err error
		f.model.Decoder, err = feedback.NewDecoder(feedback.DecoderConfig{
			Dictionary: f.model.Dictionary, DefaultConsent: feedback.ConsentLearn, Task: feedback.TaskMulticlass, Classes: 4,
		})
		require.NoError(t, err)
		f.spec.Kind, f.model.NewPredictor = "linear", nil
		p, err := models.NewPredictor(f.spec, 1)
		require.NoError(t, err)
		raw, err := json.Marshal(f.spec)
		require.NoError(t, err)
		f.model.Spec = f.spec
		f.stable.at.Store(&hotload.Loaded{Version: 1, Spec: raw, Weights: p.Params().Freeze()}) // equal logits
	})
	in := f.infer(t, "/v2/models/m/infer", inferBody(`"parameters":{"segments":[{"task":"one"},{"task":"two"},{"task":"?"},{}]},`, 0, 0, 0, 0))
	require.Equal(t, []float32{
		0.5, 0.5, 0, 0,
		0, 0, 1, 0,
		0.25, 0.25, 0.25, 0.25,
		0.25, 0.25, 0.25, 0.25,
	}, output[float32](t, in, "probabilities"))
	require.Equal(t, []float64{0.5, 0.5, 0, 0}, f.log.predictions(t)[0].Outputs, "what is recorded is what was answered")
	in = f.infer(t, "/v2/models/m/infer", inferBody("", 0))
	require.Equal(t, []float32{0.25, 0.25, 0.25, 0.25}, output[float32](t, in, "probabilities"), "a mask stays with its request")
}

func TestVersionsWithMoreClassesAnswerBesideThoseWithFewer(t *testing.T) {
	f := setup(t, serve.Config{}, func(f *fixture) {
		f.spec.Task, f.spec.Classes = models.Multiclass, 2
		f.model.Spec, f.model.Grows = f.spec, true
		var err error
		f.model.Decoder, err = feedback.NewDecoder(feedback.DecoderConfig{
			Dictionary: f.model.Dictionary, DefaultConsent: feedback.ConsentLearn,
			Task: feedback.TaskMulticlass, Classes: 2, MaxClasses: 4,
		})
		require.NoError(t, err)
		f.stable.at.Store(weights(1, 0, f.spec)) // 1/2 for each of two classes
		grown := f.spec
		grown.Classes = 3
		f.candidate.at.Store(weights(2, -0.6931472, grown)) // 1/3 for each of three
	})
	require.Contains(t, call(t, http.MethodGet, f.url+"/v2/models/m", "").body, `"name":"probabilities","datatype":"FP32","shape":[-1,-1]`)

	in := f.infer(t, "/v2/models/m/versions/stable/infer", inferBody("", 0))
	require.Equal(t, []int{1, 3}, in.Outputs[0].Shape, "as wide as the version that knows most classes")
	require.Equal(t, []float32{0.5, 0.5, 0}, output[float32](t, in, "probabilities"))
	in = f.infer(t, "/v2/models/m/versions/candidate/infer", inferBody("", 0))
	require.InDeltaSlice(t, []float32{1. / 3, 1. / 3, 1. / 3}, output[float32](t, in, "probabilities"), 1e-6)

	f.stable.at.Store(f.candidate.at.Load()) // the wider version becomes stable under way
	in = f.infer(t, "/v2/models/m/infer", inferBody("", 0))
	require.Equal(t, []int{1, 3}, in.Outputs[0].Shape)
	for _, p := range f.log.predictions(t) {
		require.Len(t, p.Outputs, 3)
	}
}

func TestWeightsThatDoNotFitTheDictionaryAreAnErrorAndNotAPanic(t *testing.T) {
	f := setup(t, serve.Config{}, nil)
	narrow := f.spec
	narrow.Dense = 1
	f.stable.at.Store(weights(8, 0, narrow))
	got := call(t, http.MethodPost, f.url+"/v2/models/m/infer", inferBody("", 1))
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.Contains(t, got.body, fmt.Sprintf("reads 1 numbers and %d categories", len(f.spec.Categories)))
	f.stable.at.Store(weights(9, 0, f.spec))
	f.infer(t, "/v2/models/m/infer", inferBody("", 1))
}
