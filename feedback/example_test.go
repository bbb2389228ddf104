package feedback_test

import (
	"encoding/json"
	"fmt"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
)

// A producer builds an event and sends it as NATS headers and data; the learner
// reads it back and decodes it against the model.
func Example() {
	dictionary, err := feature.New(feature.Config{Features: []feature.Feature{{Name: "price", Kind: feature.Numeric}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	decoder, err := feedback.NewDecoder(feedback.DecoderConfig{
		Dictionary: dictionary, Task: feedback.TaskBinary, DefaultConsent: feedback.ConsentMeasure,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	one, four := 1.0, 4.0
	sent, err := feedback.NewFeedback("e-1", "/shop", "person-17", feedback.Feedback{
		Features: json.RawMessage(`{"price": 0.25}`),
		Signal:   &feedback.Signal{Kind: feedback.Label, Value: &one},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sent.Consent = feedback.ConsentLearn

	event, err := feedback.FromHeaders(sent.Headers(), sent.Data)
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := decoder.Decode(event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(record.Subject, record.Consent, record.Row.Dense, *record.Feedback.Signal.Value)

	late, err := feedback.NewFeedback("e-2", "/shop", "person-17", feedback.Feedback{
		PredictionID: "p-9",
		Features:     json.RawMessage(`{"price": 0.31}`),
		Signal:       &feedback.Signal{Kind: feedback.Rating, Value: &four},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = decoder.Decode(late)
	fmt.Println(err)
	// Output:
	// person-17 learn [0.25] 1
	// leakage: data.features must be absent beside a prediction_id: features are those of the prediction as served
}
