package serve_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/serve"
)

// A server answers from the version that its source holds, and records what it answered.
func Example() {
	dictionary, err := feature.New(feature.Config{Features: []feature.Feature{{Name: "price", Kind: feature.Numeric}}})
	if err != nil {
		panic(err)
	}
	decoder, err := feedback.NewDecoder(feedback.DecoderConfig{Dictionary: dictionary, DefaultConsent: feedback.ConsentLearn, Task: feedback.TaskBinary})
	if err != nil {
		panic(err)
	}
	spec := models.Spec{Kind: "linear", Task: models.Binary, Dense: 1}
	stable, log := &source{}, &fakeLog{}
	stable.at.Store(weights(5120, 0, spec))

	server, err := serve.New(
		serve.Config{Record: serve.Record{Mode: serve.RecordDurable}},
		[]serve.Model{{
			Name: "elec", Dictionary: dictionary, Spec: spec, Stable: stable,
			Decoder: decoder, Log: log, NewPredictor: newFakePredictor,
		}},
		serve.Options{},
	)
	if err != nil {
		panic(err)
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/v2/models/elec/infer", strings.NewReader(`{
		"parameters": {"subject": "household-17", "prediction_id": "p-1"},
		"inputs": [{"name": "price", "datatype": "FP32", "shape": [1], "data": [0.0]}],
		"outputs": [{"name": "probabilities"}]}`)))
	fmt.Println(answer.Body)
	fmt.Println("recorded:", string(log.all()[0].Data))
	// Output:
	// {"model_name":"elec","model_version":"5120","parameters":{"channel":"stable","prediction_id":"p-1"},"outputs":[{"name":"probabilities","datatype":"FP32","shape":[1,1],"data":[0.5]}]}
	// recorded: {"prediction_id":"p-1","features":{"price":0.0},"outputs":[0.5],"model_version":5120,"channel":"stable"}
}
